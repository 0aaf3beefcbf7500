"""Systems of the digital twin: an analogue loop of memristor arrays that integrates a learned equation."""
