"""How people and programs drive labkit."""
