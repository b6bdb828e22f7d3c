"""Jobs of a local run without a start of Python: forked from processes that have imported what they use.

The Snakefile starts two processes with a run, one for jobs that read arrays and one for jobs of networks,
and they end with it (`start`, `server`). ``python -m visalign COMMAND`` of a rule asks one of them to do its
command (`client`), and does it itself where none is there, its environment is another, or it says no. The
result is the same: a forked process has imported modules, and nothing else, before its command.
"""
