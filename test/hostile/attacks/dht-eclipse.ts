import { createHash, randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { bytesField, lengthPrefixed, numberField } from '../support/protobuf.ts'
import { ended, repeat } from '../support/repeat.ts'

const FIND_NODE = 4
/** PeerIds that they tell of; each costs some 256 tries */
const NEAR = 200
/** of those, who come themselves: as many as a bucket of the DHT has places */
const COMING = 20
const ANSWER_MS = 2_000

const nameOf = (peer: PeerId): Buffer => Buffer.from(peer.toMultihash().bytes)
const placeOf = (name: Buffer): number => createHash('sha256').update(name).digest()[0]!

/** Keys whose PeerIds are nearer to the member in the DHT than any but one of 256. */
async function keysNear(member: PeerId, signal: AbortSignal): Promise<PrivateKey[]> {
  const keys: PrivateKey[] = []
  while (keys.length < COMING && !signal.aborted) {
    const key = await generateKeyPair('Ed25519')
    if (placeOf(nameOf(peerIdFromPrivateKey(key))) === placeOf(nameOf(member))) keys.push(key)
  }
  return keys
}

/** Likewise, of whom nobody ever asks for a signature. */
function namesNear(member: PeerId): Buffer[] {
  const names: Buffer[] = []
  const place = placeOf(nameOf(member))
  while (names.length < NEAR - COMING) {
    // of an Ed25519 key, as a multihash that is the key itself
    const name = Buffer.concat([Uint8Array.of(0, 36, 8, 1, 18, 32), randomBytes(32)])
    if (placeOf(name) === place) names.push(name)
  }
  return names
}

export const attack: Attack = {
  about: 'surrounds a member in the DHT with 200 PeerIds near its own, which tell of nobody but each other',
  refused: ['dht.rate'],
  async run(context) {
    const { target, signal } = context
    const protocol = `/floe/${target.network}/kad/1.0.0`
    const member = peerIdFromString(target.nodes[1]!.peerId)
    let poisoned = false
    const keys = await keysNear(member, signal)
    const peers = await Promise.all(keys.map(privateKey => hostilePeer(context, { privateKey })))
    const names = [...peers.map(({ libp2p }) => nameOf(libp2p.peerId)), ...namesNear(member)]
    const told = Buffer.concat([
      numberField(1, FIND_NODE),
      ...names.map(name =>
        bytesField(
          8,
          Buffer.concat([bytesField(1, name), bytesField(2, Uint8Array.of(4, 127, 0, 0, 2, 6, 0, 80))]),
        ),
      ),
    ])
    const question = lengthPrefixed(
      Buffer.concat([numberField(1, FIND_NODE), bytesField(2, member.toMultihash().bytes)]),
    )
    try {
      for (const { libp2p } of peers)
        await libp2p.handle(protocol, stream => void stream.send(lengthPrefixed(told)))
      const counts = await repeat({ signal, parallel: 4, most: 2_000 }, async i => {
        const stream = await peers[i % peers.length]!.open(protocol)
        const answer: Buffer[] = []
        stream.addEventListener('message', ({ data }) => answer.push(Buffer.from(data.subarray())))
        stream.send(question)
        const over = new Promise(resolve => stream.addEventListener('close', resolve))
        await stream.close({ signal: AbortSignal.timeout(ANSWER_MS) })
        await Promise.race([over, ended(AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]))])
        // no attack fails for what the network does, but this would be its success
        if (names.some(name => Buffer.concat(answer).includes(name))) poisoned = true
      })
      if (poisoned) throw new Error('an answer of the DHT names one that is no member')
      return counts
    } finally {
      await Promise.all(peers.map(peer => peer.stop()))
    }
  },
}
