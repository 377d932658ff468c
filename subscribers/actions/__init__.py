"""Every change of state of websites and subscribers, one verb each."""
