"""Every change of state of campaigns and sends, one verb each."""
