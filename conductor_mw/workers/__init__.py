"""Workers: HTTP services in any language that answer for an agent.

`addresses` says where a worker may be, `signature` how a call is signed, `message` what is sent,
`wire` how it travels, `reply` what the answer means, `conformance` whether a worker keeps to it.
"""
