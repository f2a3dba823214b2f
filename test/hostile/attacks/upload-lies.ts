import { randomBytes } from 'node:crypto'
import { systemClock } from '../../../base/clock.ts'
import { blobIdFromBytes, parseBlobId, sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex, SliverRef } from '../../../codec/types.ts'
import { SliverHeader, StoreRequest, StoreWanted } from '../../../protocols/store/messages.ts'
import { createChannel } from '../../../protocols/stream/channel.ts'
import { ServerHello } from '../../../protocols/wire.ts'
import type { Attack, Target } from '../attack.ts'
import { hello, protocolId } from '../support/floe-stream.ts'
import { type HostilePeer, hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'

const LIMIT = { timeoutMs: 2_000 }
/** each lie is told before a PeerId, or in the end the address, is shut out for its failures */
const PEERS = 4
const TRIES_PER_PEER = 25

/** What is said of the blob: false, but for the last, after which the slivers are. */
function claims({ registered }: Target): BlobMetadata[] {
  const hashes = new Uint8Array(Buffer.from(registered.hashes, 'base64'))
  const { unencodedLength } = registered
  const truth: BlobMetadata = {
    blobId: parseBlobId(registered.blobId),
    encodingType: 'RS2',
    unencodedLength,
    nShards: hashes.length / 64,
    hashes,
  }
  return [
    { ...truth, blobId: blobIdFromBytes(randomBytes(32)) },
    { ...truth, unencodedLength: unencodedLength + 1 },
    { ...truth, unencodedLength: 2 ** 40 },
    { ...truth, hashes: hashes.map(byte => byte ^ 1) },
    { ...truth, hashes: hashes.subarray(64), nShards: truth.nShards - 1 },
    { ...truth, hashes: new Uint8Array(64 * 7_000), nShards: 7_000 },
    truth,
  ]
}

/** A header, and what follows it. */
function lieAbout(metadata: BlobMetadata, wanted: readonly SliverRef[], i: number): Uint8Array[] {
  const ref = wanted[i % wanted.length]!
  const length = sliverLength(metadata.nShards, metadata.unencodedLength, ref.axis)
  const say = (ref: SliverRef, length: number) => SliverHeader.encode({ ref, length })
  const lies = [
    [say(ref, length), randomBytes(length)],
    [say(ref, length), new Uint8Array(length)],
    [say(ref, length), randomBytes(length - 1)],
    [say(ref, length + 1), randomBytes(length + 1)],
    [say(ref, 0xffff_ffff)],
    [say({ ...ref, pair: 9_999 as SliverPairIndex }, length)],
    [say(ref, 0)],
  ]
  return lies[i % lies.length]!
}

export const attack: Attack = {
  about:
    'uploads with false metadata, for no registration, and slivers that are altered, cut, too long or not asked for',
  refused: ['streams.failures'],
  async run(context) {
    const peers: HostilePeer[] = []
    for (let i = 0; i < PEERS && !context.signal.aborted; i++) peers.push(await hostilePeer(context))
    const said = claims(context.target)
    try {
      return await repeat({ signal: context.signal, parallel: 8, most: 3_000 }, async i => {
        const metadata = said[i % said.length]!
        const peer = peers[Math.floor(i / TRIES_PER_PEER) % peers.length]!
        const channel = createChannel(await peer.open(protocolId('store')), systemClock)
        try {
          await channel.writer.write(hello(context.target), LIMIT)
          const request = { metadata, persistence: { kind: 'permanent' as const }, registerDigest: 'none' }
          await channel.send(StoreRequest.encode(request), LIMIT)
          ServerHello.decode(await channel.receive(1_000, LIMIT))
          const { slivers } = StoreWanted.decode(await channel.receive(100_000, LIMIT))
          const [header, body] = lieAbout(metadata, slivers, Math.floor(i / said.length))
          await channel.send(header!, LIMIT)
          if (body !== undefined) await channel.writer.write(body, LIMIT)
          await channel.receive(1_000, LIMIT)
        } finally {
          channel.abort(new Error('over'))
          channel.reader.detach()
        }
      })
    } finally {
      await Promise.all(peers.map(peer => peer.stop()))
    }
  },
}
