/** Of the DHT's messages (libp2p's kad-dht, a protobuf), the two that peer routing needs. */
const FIND_NODE = 4
const PING = 5

const TYPE = 0x08
const KEY = 0x12
const CLUSTER_LEVEL = 0x50
/** a record to store, and lists of peers, have no place in a request */
const RECORDS: ReadonlySet<number> = new Set([0x1a, 0x42, 0x4a])
const MAX_KEY_BYTES = 64

/** Why a request is not answered, by its bytes alone: each field at most once, none that is not needed. */
export function dhtRequestProblem(message: Uint8Array): 'kind' | 'malformed' | undefined {
  const seen = new Set<number>()
  let type = 0
  for (let at = 0; at < message.length; ) {
    const tag = message[at++]!
    if (RECORDS.has(tag)) return 'kind'
    if (seen.has(tag)) return 'malformed'
    seen.add(tag)
    const value = message[at++]
    // every number here is below 128, and a key is not longer
    if (value === undefined || value >= 0x80) return 'malformed'
    if (tag === TYPE) type = value
    else if (tag === KEY && value <= MAX_KEY_BYTES) at += value
    else if (tag !== CLUSTER_LEVEL) return 'malformed'
    if (at > message.length) return 'malformed'
  }
  return type === FIND_NODE || type === PING ? undefined : 'kind'
}
