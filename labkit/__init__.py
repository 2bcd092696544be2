"""labkit: learn, demonstrate and test high availability on one laptop."""
