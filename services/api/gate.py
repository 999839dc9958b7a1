"""Whether a request may come in, and the copy of its answer: one question to Redis, or none while Redis does not answer."""

from collections import Counter
from collections.abc import Sequence

from redis.exceptions import RedisError

from services.runtime import rate_limits
from services.runtime.cache import ASK_EDGE, Cache, Look
from services.runtime.errors import RateLimited
from services.runtime.rate_limits import Bucket, LocalBuckets, Policy, Verdict
from services.runtime.redis import Redis
from services.runtime.settings import Settings


class Gate:
    """Counts in plain numbers what it decided without Redis and what it refused, for the metrics."""

    def __init__(self, redis: Redis, cache: Cache, settings: Settings) -> None:
        self.decided_alone = 0
        self.refused: Counter[str] = Counter()  # by policy
        self._redis = redis
        self._cache = cache
        self._factor = settings.rate_limit_factor
        self._local = LocalBuckets(processes=settings.api_workers)

    async def ask(self, buckets: Sequence[Bucket], copy_key: str | None) -> tuple[Verdict, Look | None]:
        """The verdict on the request, and what there is under the key; None if nothing was asked or Redis did not answer."""
        keys, arguments = rate_limits.question(buckets)
        token = None
        if copy_key is not None and self._cache.is_up:
            of_copy, about_copy = self._cache.question(copy_key)
            token = about_copy[0]
            keys += of_copy
            arguments += about_copy
        if not keys:
            return Verdict((), ()), None
        if self._redis.is_up:
            try:
                ahead_us, *found = await self._redis.run(ASK_EDGE, keys, *arguments)
            except RedisError:
                pass
            else:
                return Verdict(buckets, ahead_us), Cache.look(found, token) if found and token is not None else None
        self.decided_alone += 1
        return self._local.decide(buckets), None

    async def charge(self, policy: Policy, holder: str) -> Verdict:
        """Count one more of what a route has read from a body."""
        verdict, _ = await self.ask([Bucket(policy.scaled(self._factor), holder)] if self._factor > 0 else [], None)
        return verdict

    def refuse(self, verdict: Verdict) -> None:
        """Refuses: RateLimited, if the verdict says so."""
        policy = verdict.refused_by
        if policy is None:
            return
        self.refused[policy.name] += 1
        wait = verdict.retry_after_seconds
        raise RateLimited(limit=policy.name, burst=policy.burst, seconds=policy.seconds, retry_after_seconds=wait)
