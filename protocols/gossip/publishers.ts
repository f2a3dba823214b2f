import { createTokenBucket, type TokenBucket } from '../../base/token-bucket.ts'
import { CERTIFIED_TOPIC } from '../specs.ts'

export interface Publisher {
  /** messages */
  readonly rate: TokenBucket
  /** messages that did not hold */
  readonly faults: TokenBucket
}

/** What each member published lately. Those who left the committee are forgotten. */
export function createPublishers(
  isMember: (peer: string) => boolean,
  now?: () => number,
): (peer: string) => Publisher {
  const publishers = new Map<string, Publisher>()
  return peer => {
    const known = publishers.get(peer)
    if (known !== undefined) return known
    for (const other of publishers.keys()) if (!isMember(other)) publishers.delete(other)
    const { perSecond, burst, faultsPerSecond, faultBurst } = CERTIFIED_TOPIC
    const publisher = {
      rate: createTokenBucket(perSecond, burst, now),
      faults: createTokenBucket(faultsPerSecond, faultBurst, now),
    }
    publishers.set(peer, publisher)
    return publisher
  }
}
