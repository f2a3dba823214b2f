import type { Log } from '../../base/log.ts'
import type { Certificate } from '../../codec/types.ts'
import type { NetworkIdentity } from '../rpc/components.ts'
import { CERTIFIED_TOPIC, certifiedTopic } from '../specs.ts'
import { CertifiedMessage } from './messages.ts'
import { createTopic, type TopicComponents } from './topic.ts'
import { type CertifiedPorts, createCertifiedValidator } from './validator.ts'

export interface CertifiedComponents extends TopicComponents {
  log: Log
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
  components: CertifiedComponents,
  { network, ...ports }: NetworkIdentity & CertifiedPorts,
): CertifiedTopic {
  const validator = createCertifiedValidator(ports, components.clock)

  const topic = createTopic(components, {
    topic: certifiedTopic(network),
    name: 'certified',
    judge: validator.judge,
    onRejected: (publisher, forwarder) =>
      components.log.warn({ topic: certifiedTopic(network), publisher, forwarder }, 'gossip rejected'),
  })
  return {
    start: topic.start,
    stop: topic.stop,
    async publish(certificate) {
      const data = CertifiedMessage.encode(certificate)
      if (data.length > CERTIFIED_TOPIC.maxBytes)
        throw new RangeError(`a certificate of ${data.length} bytes`)
      validator.remember(certificate)
      const { recipients } = await topic.publish(data)
      return recipients.length
    },
  }
}
