import type { GossipSub, TopicValidatorFn } from '@libp2p/gossipsub'
import type { Clock } from '../../base/clock.ts'
import type { ProtocolMetrics, Verdict } from '../ports.ts'

/** What a topic needs of its node. */
export interface TopicComponents {
  /** started with the topic among its allowed ones */
  pubsub: Pick<GossipSub, 'topicValidators' | 'subscribe' | 'unsubscribe' | 'publish'>
  metrics: ProtocolMetrics
  clock: Clock
}

export interface TopicInit {
  topic: string
  /** by which what is heard is counted */
  name: string
  /** What is to be thought of a message of a publisher, undefined for an unsigned one. The signal is that of `stop`. Must not throw. */
  judge(data: Uint8Array, publisher: string | undefined, signal: AbortSignal): Promise<Verdict>
  onRejected?(publisher: string | undefined, forwarder: string): void
}

/** A topic of gossip, of which nothing is heard before `start`, and all is judged before it is passed on. */
export interface Topic {
  /** Joins it. May be called again after `stop`. */
  start(): void
  /** Leaves it; judgements under way are given up. */
  stop(): void
  publish(data: Uint8Array): ReturnType<GossipSub['publish']>
}

export function createTopic(
  { pubsub, metrics, clock }: TopicComponents,
  { topic, name, judge, onRejected }: TopicInit,
): Topic {
  let stopping = new AbortController()

  const validate: TopicValidatorFn = async (forwarder, message) => {
    const started = clock.monotonic()
    const publisher = message.type === 'signed' ? message.from.toString() : undefined
    const verdict = await judge(message.data, publisher, stopping.signal)
    metrics.request(name, verdict, clock.monotonic() - started)
    if (verdict === 'reject') onRejected?.(publisher, forwarder.toString())
    return verdict as Awaited<ReturnType<TopicValidatorFn>>
  }

  return {
    start() {
      stopping = new AbortController()
      pubsub.topicValidators.set(topic, validate)
      pubsub.subscribe(topic)
    },
    stop() {
      stopping.abort()
      pubsub.unsubscribe(topic)
      pubsub.topicValidators.delete(topic)
    },
    publish: data => pubsub.publish(topic, data),
  }
}
