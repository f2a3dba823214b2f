import { createHash } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { bytesField, lengthPrefixed, numberField } from '../support/protobuf.ts'
import { ended, repeat } from '../support/repeat.ts'

const FIND_NODE = 4
/** as many PeerIds as a bucket of the DHT has places; each costs some 256 keys */
const NEAR = 20
const ANSWER_MS = 2_000

const placeOf = (peer: PeerId): Buffer => createHash('sha256').update(peer.toMultihash().bytes).digest()

/** Keys whose PeerIds are nearer to the member in the DHT than any but one of 256. */
async function keysNear(member: PeerId, signal: AbortSignal): Promise<PrivateKey[]> {
  const keys: PrivateKey[] = []
  while (keys.length < NEAR && !signal.aborted) {
    const key = await generateKeyPair('Ed25519')
    if (placeOf(peerIdFromPrivateKey(key))[0] === placeOf(member)[0]) keys.push(key)
  }
  return keys
}

export const attack: Attack = {
  about: 'surrounds a member in the DHT with PeerIds near its own, which tell of nobody but each other',
  refused: ['dht.rate'],
  async run(context) {
    const { target, signal } = context
    const protocol = `/floe/${target.network}/kad/1.0.0`
    const member = peerIdFromString(target.nodes[1]!.peerId)
    let poisoned = false
    const keys = await keysNear(member, signal)
    const peers = await Promise.all(keys.map(privateKey => hostilePeer(context, { privateKey })))
    const names = peers.map(({ libp2p }) => Buffer.from(libp2p.peerId.toMultihash().bytes))
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
