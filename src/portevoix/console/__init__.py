"""The web door for people: pages made on the server, for operators and for each account's own people."""
