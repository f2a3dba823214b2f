import { createRates } from '../../base/rates.ts'
import { AddressMessage } from '../peers/messages.ts'
import type { Verdict } from '../ports.ts'
import type { NetworkIdentity } from '../rpc/components.ts'
import { ADDRESS_TOPIC, addressTopic } from '../specs.ts'
import { createTopic, type TopicComponents } from './topic.ts'

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
  components: TopicComponents,
  { network, isMember, heard }: NetworkIdentity & AddressPorts,
): AddressTopic {
  const { perSecond, burst, remembered } = ADDRESS_TOPIC
  const rates = createRates({ perSecond, burst, remembered, now: () => components.clock.monotonic() })

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

  const topic = createTopic(components, { topic: addressTopic(network), name: 'address', judge })
  return {
    start: topic.start,
    stop: topic.stop,
    async publish(record) {
      await topic.publish(AddressMessage.encode(record))
    },
  }
}
