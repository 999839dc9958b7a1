"""What people are told, and whether it arrived.

A notification is one mail to one account about one event. It is written in the transaction that takes the event from the
outbox, so no event is forgotten and none is told twice. From then on its row alone decides whether and when to send: the
queue between the relay and the worker may lose, repeat or delay what it likes. A reminder that is no longer true when it is
written is withdrawn. Of the stock the staff are told in turns: all that has crossed, in one mail a minute.
"""
