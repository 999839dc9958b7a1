"""The pages that mails link to. Two post the token in their address, after a click; one asks for a mail with such a token."""
