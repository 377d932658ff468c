"""Every change of state in the public schema, one verb each."""
