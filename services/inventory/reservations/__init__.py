"""Who has been promised what.

A reservation holds units for minutes and is then confirmed, cancelled, or over. Over is a fact about the database's clock:
a hold past its time can no longer be confirmed, reads as expired, and its units go to whoever asks, whether or not any job
has run. `reserve.sql` decides every race in one statement; nothing here asks first and writes later.
"""
