"""The Gemini Live session and the small extraction model."""
