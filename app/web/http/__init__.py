"""What every route needs, whatever it shows: addresses, parameters, bodies, errors, caching, access."""
