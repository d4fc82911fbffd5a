"""One database and one folder of blobs: where everything that must survive a crash is kept."""
