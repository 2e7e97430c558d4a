"""What frameworks that live in Python have in common: models as the library asks for them in include/eightbit/external.h,
whatever runs them. No framework is imported here."""
