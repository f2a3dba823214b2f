import type { GossipSub, TopicValidatorFn } from '@libp2p/gossipsub'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Certificate } from '../../codec/types.ts'
import type { ProtocolMetrics } from '../ports.ts'
import type { NetworkIdentity } from '../rpc/components.ts'
import { CERTIFIED_TOPIC, certifiedTopic } from '../specs.ts'
import { CertifiedMessage } from './messages.ts'
import { type CertifiedPorts, createCertifiedValidator } from './validator.ts'

export interface CertifiedComponents {
  /** started with the topic among its allowed ones */
  pubsub: Pick<GossipSub, 'topicValidators' | 'subscribe' | 'unsubscribe' | 'publish'>
  log: Log
  metrics: ProtocolMetrics
  clock: Clock
}

/** Gossip of certificates of availability, so that nodes that missed slivers learn of it at once. */
export interface CertifiedTopic {
  /** Joins the topic. May be called again after `stop`. */
  start(): void
  /** Leaves it; checks under way are given up. */
  stop(): void
  /**
   * Publishes a certificate that this node has checked; only members' are taken by others. Returns how many neighbours
   * it went to. Throws a RangeError when it is too large.
   */
  publish(certificate: Certificate): Promise<number>
}

/**
 * The topic of one network. Nothing is heard before `start`; what others publish is checked before it is passed on.
 */
export function createCertifiedTopic(
  { pubsub, log, metrics, clock }: CertifiedComponents,
  { network, ...ports }: NetworkIdentity & CertifiedPorts,
): CertifiedTopic {
  const topic = certifiedTopic(network)
  const validator = createCertifiedValidator(ports, clock)
  let stopping = new AbortController()

  const validate: TopicValidatorFn = async (forwarder, message) => {
    const started = clock.monotonic()
    const publisher = message.type === 'signed' ? message.from.toString() : undefined
    const verdict = await validator.judge(message.data, publisher, stopping.signal)
    metrics.request('certified', verdict, clock.monotonic() - started)
    if (verdict === 'reject')
      log.warn({ topic, publisher, forwarder: forwarder.toString() }, 'gossip rejected')
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
    async publish(certificate) {
      const data = CertifiedMessage.encode(certificate)
      if (data.length > CERTIFIED_TOPIC.maxBytes)
        throw new RangeError(`a certificate of ${data.length} bytes`)
      validator.remember(certificate)
      const { recipients } = await pubsub.publish(topic, data)
      return recipients.length
    },
  }
}
