import { type BcsType, bcs } from '@mysten/bcs'
import { LruMap } from '../../base/lru-map.ts'
import { createRates } from '../../base/rates.ts'
import type { ChallengeNews, Verdict } from '../ports.ts'
import type { NetworkIdentity } from '../rpc/components.ts'
import { CHALLENGE_TOPIC, challengeTopic } from '../specs.ts'
import { type Message, message, plain, WireEpoch, WireObjectId } from '../wire.ts'
import { createTopic, type TopicComponents } from './topic.ts'

const WireHash = plain<Uint8Array>(bcs.bytes(32))

const WireRound: BcsType<number, number> = bcs.u8().transform<number, number>({
  input: round => round,
  output(round) {
    if (round >= CHALLENGE_TOPIC.maxRounds) throw new RangeError(`an epoch has no round ${round}`)
    return round
  },
})

/** bcs names the variant once more as it decodes. */
const WireWhat = bcs
  .enum('ChallengeNews', {
    Opened: WireHash,
    Drawn: WireHash,
    Committed: bcs.struct('ChallengeCommitted', { nodeId: WireObjectId, root: WireHash }),
    Passed: WireObjectId,
  })
  .transform<ChallengeNews['what'], ChallengeNews['what']>({
    input: what => what,
    output: ({ $kind, ...what }) => what as ChallengeNews['what'],
  })

/** What has happened in a round of storage challenges: 39 to 71 bytes. */
export const ChallengeMessage: Message<ChallengeNews> = message(
  'ChallengeMessage',
  plain<ChallengeNews>(
    bcs.struct('ChallengeMessageV1', {
      epoch: WireEpoch,
      round: WireRound,
      what: WireWhat,
    }),
  ),
)

export interface ChallengeTopicPorts {
  /** Whether the PeerId (as text) is of the current or previous committee. */
  isMember(peer: string): boolean
  /**
   * Compares it with what the chain shows, and waits a little until it shows anything: accept what it says too, reject what it
   * contradicts, ignore the rest. Must not throw.
   */
  heard(news: ChallengeNews, options: { signal: AbortSignal }): Promise<Verdict>
}

/** Gossip of what happens in storage challenges, so that nodes ask the chain at once. */
export interface ChallengeTopic {
  /** Joins the topic. May be called again after `stop`. */
  start(): void
  /** Leaves it; what waits for the chain is given up. */
  stop(): void
  /** Publishes what the chain shows to this node. */
  publish(news: ChallengeNews): Promise<void>
}

/**
 * The topic of one network. What is passed on was seen on chain before, so that whoever passes on what the chain contradicts is to
 * blame for it. What a member says that the chain does not show here is counted against it, and few may wait for the chain.
 */
export function createChallengeTopic(
  components: TopicComponents,
  { network, isMember, heard }: NetworkIdentity & ChallengeTopicPorts,
): ChallengeTopic {
  const { perSecond, burst, faultsPerSecond, faultBurst, members, remembered } = CHALLENGE_TOPIC
  const now = () => components.clock.monotonic()
  const rates = createRates({ perSecond, burst, remembered: members, now })
  const faults = createRates({ perSecond: faultsPerSecond, burst: faultBurst, remembered: members, now })
  const known = new LruMap<string, true>(remembered)
  const waiting = new Set<string>()

  async function judge(
    data: Uint8Array,
    publisher: string | undefined,
    signal: AbortSignal,
  ): Promise<Verdict> {
    if (publisher === undefined || data.length > CHALLENGE_TOPIC.maxBytes) return 'reject'
    // our committee may be older or newer than the forwarder's, so this is not held against it
    if (!isMember(publisher) || !rates.tryTake(publisher) || !faults.has(publisher)) return 'ignore'
    let news: ChallengeNews
    try {
      news = ChallengeMessage.decode(data)
    } catch {
      faults.tryTake(publisher)
      return 'reject'
    }
    const key = keyOf(data)
    if (known.has(key) || waiting.has(key) || waiting.size >= CHALLENGE_TOPIC.waiting) return 'ignore'
    waiting.add(key)
    const verdict = await heard(news, { signal })
    waiting.delete(key)
    if (verdict === 'accept') known.set(key, true)
    else faults.tryTake(publisher)
    return verdict
  }

  const topic = createTopic(components, { topic: challengeTopic(network), name: 'challenge-news', judge })
  return {
    start: topic.start,
    stop: topic.stop,
    async publish(news) {
      const data = ChallengeMessage.encode(news)
      known.set(keyOf(data), true)
      await topic.publish(data)
    },
  }
}

const keyOf = (data: Uint8Array): string => String.fromCharCode(...data)
