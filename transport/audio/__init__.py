"""The sound of calls: resampling, μ-law, where speech begins and ends, paced playout, and recordings."""
