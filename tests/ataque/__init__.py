"""`make ataque`: a hostile user with an account and many addresses, against a whole installation on its defaults.

blanco.py is the installation and its users; registro.py says what an attack is and tells; the attacks are in esperas.py
(who holds the API's threads), puertas.py (accounts, passwords, sessions), colas.py (the queue and the providers' calls)
and salidas.py (what is shown and to whom). test_ataque.py runs each in its short form.
"""
