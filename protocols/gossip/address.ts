import type { GossipSub, TopicValidatorFn } from '@libp2p/gossipsub'
import type { Clock } from '../../base/clock.ts'
import { createRates } from '../../base/rates.ts'
import { AddressMessage } from '../peers/messages.ts'
import type { ProtocolMetrics, Verdict } from '../ports.ts'
import type { NetworkIdentity } from '../rpc/components.ts'
import { ADDRESS_TOPIC, addressTopic } from '../specs.ts'

export interface AddressTopicComponents {
  /** started with the topic among its allowed ones */
  pubsub: Pick<GossipSub, 'topicValidators' | 'subscribe' | 'unsubscribe' | 'publish'>
  metrics: ProtocolMetrics
  clock: Clock
}

export interface AddressPorts {
  /** Whether the PeerId (as text) is of the current or previous committee. */
  isMember(peer: string): boolean
  /** What is to be thought of a record that `publisher` says is its own; a good one is kept. Must not throw. */
  heard(record: Uint8Array, publisher: string): Promise<Verdict>
}

/** Gossip of where members are. */
export interface AddressTopic {
  /** Joins the topic. */
  start(): void
  /** Leaves the topic. */
  stop(): void
  /** Publishes this node's own record. */
  publish(record: Uint8Array): Promise<void>
}

/** The topic of one network: members publish their own records, seldom; what is cheap to see comes before the signature. */
export function createAddressTopic(
  { pubsub, metrics, clock }: AddressTopicComponents,
  { network, isMember, heard }: NetworkIdentity & AddressPorts,
): AddressTopic {
  const topic = addressTopic(network)
  const { perSecond, burst, remembered } = ADDRESS_TOPIC
  const rates = createRates({ perSecond, burst, remembered, now: () => clock.monotonic() })

  async function judge(data: Uint8Array, publisher: string | undefined): Promise<Verdict> {
    if (publisher === undefined || data.length > ADDRESS_TOPIC.maxBytes) return 'reject'
    // our committee may be older or newer than the forwarder's, so this is not held against it
    if (!isMember(publisher) || !rates.tryTake(publisher)) return 'ignore'
    let record: Uint8Array
    try {
      record = AddressMessage.decode(data)
    } catch {
      return 'reject'
    }
    return await heard(record, publisher)
  }

  const validate: TopicValidatorFn = async (_, message) => {
    const started = clock.monotonic()
    const publisher = message.type === 'signed' ? message.from.toString() : undefined
    const verdict = await judge(message.data, publisher)
    metrics.request('address', verdict, clock.monotonic() - started)
    return verdict as Awaited<ReturnType<TopicValidatorFn>>
  }

  return {
    start() {
      pubsub.topicValidators.set(topic, validate)
      pubsub.subscribe(topic)
    },
    stop() {
      pubsub.unsubscribe(topic)
      pubsub.topicValidators.delete(topic)
    },
    async publish(record) {
      await pubsub.publish(topic, AddressMessage.encode(record))
    },
  }
}
