"""What an experiment is: topology, scenario, expectation, verdict."""
