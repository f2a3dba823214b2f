import type { Clock } from '../../base/clock.ts'
import { LruMap } from '../../base/lru-map.ts'
import { createTokenBucket, type TokenBucket } from '../../base/token-bucket.ts'
import type { Certificate } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { Verdict } from '../ports.ts'
import { CERTIFIED_TOPIC } from '../specs.ts'
import { CertifiedMessage } from './messages.ts'

export interface CertifiedPorts {
  /** Whether the PeerId (as text) is of the current or previous committee. */
  isMember(peer: string): boolean
  /** The costly check: committee, aggregate signature, blob live on chain. Throws a ProtocolError; one with `blame` rejects. */
  check(certificate: Certificate, options: { signal: AbortSignal }): Promise<unknown>
  /** A certificate that is good and new. Must not throw. */
  accepted(certificate: Certificate): void
}

export interface CertifiedValidator {
  /** Judges one message; `publisher` is who signed it, undefined when nobody did. Never throws. */
  judge(data: Uint8Array, publisher: string | undefined, signal: AbortSignal): Promise<Verdict>
  /** Notes a certificate that this node found good itself, so that it comes back as a repeat. */
  remember(certificate: Certificate): void
}

/** Cheapest checks first: size, publisher, decoding, repeats and rates all come before 25 ms of BLS. */
export function createCertifiedValidator(
  ports: CertifiedPorts,
  clock: Pick<Clock, 'monotonic'>,
): CertifiedValidator {
  const now = () => clock.monotonic()
  const publisherOf = createPublishers(ports.isMember, now)
  const good = new LruMap<string, true>(CERTIFIED_TOPIC.remembered)
  const pending = new Map<string, Promise<void>>()
  const checks = createTokenBucket(CERTIFIED_TOPIC.checksPerSecond, CERTIFIED_TOPIC.checkBurst, now)

  async function checkOnce(key: string, certificate: Certificate, signal: AbortSignal): Promise<Verdict> {
    try {
      await ports.check(certificate, { signal })
    } catch (error) {
      // what our own chain view or shutdown is to blame for must not be held against others
      return error instanceof ProtocolError && error.blame ? 'reject' : 'ignore'
    }
    good.set(key, true)
    ports.accepted(certificate)
    return 'accept'
  }

  return {
    remember: certificate => good.set(keyOf(certificate), true),
    async judge(data, publisher, signal) {
      if (publisher === undefined || data.length > CERTIFIED_TOPIC.maxBytes) return 'reject'
      // our committee may be older or newer than the forwarder's, so this is not held against it
      if (!ports.isMember(publisher)) return 'ignore'
      const { rate, faults } = publisherOf(publisher)
      if (!rate.tryTake(1) || !faults.has(1)) return 'ignore'
      const certificate = decode(data)
      if (certificate === undefined) {
        faults.take(1)
        return 'reject'
      }
      const key = keyOf(certificate)
      // a bad certificate for the same message must not shadow a good one that comes while it is being checked
      while (pending.has(key)) await pending.get(key)
      if (good.has(key) || pending.size >= CERTIFIED_TOPIC.pendingChecks || !checks.tryTake(1))
        return 'ignore'
      const verdict = checkOnce(key, certificate, signal)
      const done = verdict.then(
        () => {},
        () => {},
      )
      pending.set(
        key,
        done.finally(() => pending.delete(key)),
      )
      if ((await verdict) === 'reject') faults.take(1)
      return verdict
    },
  }
}

/** What is certified, by any signers: epoch, blob and persistence are all in the signed message. */
function keyOf({ message }: Certificate): string {
  return String.fromCharCode(...message.subarray(0, 256))
}

function decode(data: Uint8Array): Certificate | undefined {
  try {
    return CertifiedMessage.decode(data)
  } catch {
    return undefined
  }
}

interface Publisher {
  /** messages */
  readonly rate: TokenBucket
  /** messages that did not hold */
  readonly faults: TokenBucket
}

/** What each member published lately. Members that left the committee are forgotten. */
function createPublishers(
  isMember: (peer: string) => boolean,
  now: () => number,
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
