"""One small file per capability. `observe/` reads, `act/` changes; one declaration serves every interface."""
