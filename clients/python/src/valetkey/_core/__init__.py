"""What both worlds share: the logic, without threads, tasks or sockets.

Nothing here waits, and nothing here is safe to enter twice at a time: the
asyncio world enters from its event loop, the blocking world under a lock.
"""
