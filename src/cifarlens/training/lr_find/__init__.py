"""Learning-rate range tests, and the rates read off their curve."""
