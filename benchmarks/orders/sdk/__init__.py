"""The official SDKs, one a run, in an interpreter that has it and no arb: nothing here may import ours."""
