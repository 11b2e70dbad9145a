"""Sessions: what may be asked of them, in which order, and the store that holds them.

In: bodies as parsed, and models by the contract. Out: answers, after the commit that holds them.

`sessions` begins and ends them, `steps` takes their steps, `snapshots` carries them elsewhere, `bodies` reads what is asked;
`live` holds those in memory, `store` all of them on the disk, in the tables of `schema`; `clock` says how old they are.
"""
