"""Loading of SAEs: from files to checked weights."""
