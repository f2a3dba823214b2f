import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../../../../base/clock.ts'
import { defined } from '../../../../base/defined.ts'
import { createLog } from '../../../../base/pino-log.ts'
import type { NetworkConfig } from '../../../../chain/types/index.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import type { SliverRef } from '../../../../codec/types.ts'
import { createAccuse } from '../../../../node/client/accuse.ts'
import { type DownloadComponents, readWhole } from '../../../../node/client/download/download.ts'
import type { ClientError } from '../../../../node/client/errors.ts'
import { createPeerBook } from '../../../../node/network/peer-book.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import {
  type FakePeer,
  fakeBook,
  fakeCommittee,
  fakePeers,
  fixedOwners,
  honest,
  ignorant,
  neverRenewed,
  silent,
  unreachable,
} from '../../../support/fake-peers.ts'
import { anyBlobId } from '../../../support/sliver-store-suite.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const committee = fakeCommittee(13, 100)
const total = (asked: { items: number }[]) => asked.reduce((sum, { items }) => sum + items, 0)

describe('download', () => {
  let codec: Codec
  let blob: EncodedBlob
  let other: EncodedBlob
  const data = randomBytes(40_000)
  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(data, 100)
    other = await codec.encode(randomBytes(40_000), 100)
  })
  after(() => codec.close())

  const reader = (peers: FakePeer[], clock: Clock = systemClock) => {
    const fake = fakePeers(peers)
    const liars: string[] = []
    const lines: string[] = []
    const log = createLog({ level: 'debug', json: true, write: line => lines.push(line) })
    const book = fakeBook()
    const metrics = { liar: (nodeId: string) => liars.push(nodeId) }
    const components: DownloadComponents & { peers: typeof fake } = {
      peers: fake,
      book,
      accuse: createAccuse({ book, log, metrics }),
      owners: neverRenewed,
      codec,
      clock,
      log,
    }
    const read = (options = {}, blobId = blob.metadata.blobId) =>
      readWhole(components, fixedOwners(committee, components.book), blobId, options)
    return { read, fake, liars, lines, components }
  }
  const all = (peer: FakePeer) => committee.members.map(() => peer)
  const mixed = (of: (index: number) => FakePeer) => committee.members.map(({ index }) => of(index))
  const right = ({ data: got }: { data: Uint8Array }) => assert.ok(Buffer.from(got).equals(data))

  it('asks for just enough slivers', async () => {
    const { read, fake } = reader(all(honest(blob)))
    right(await read())
    assert.equal(total(fake.asked), 34)
    assert.equal(fake.asked.length, 5)
  })

  it('asks for the metadata where it asks for slivers', async () => {
    const gaveMetadata: number[] = []
    const { read, fake, components } = reader(
      mixed(i => ({
        ...honest(blob),
        metadata: async () => {
          gaveMetadata.push(i)
          return blob.metadata
        },
      })),
    )
    for (let i = 0; i < 10; i++) {
      // knows nobody yet, so that each of its rankings is another one
      components.book = createPeerBook({
        clock: systemClock,
        random: Math.random,
        network: { peers: [] as unknown } as NetworkConfig,
        peerIdOf: key => `peer-${key[0]}`,
      })
      right(await read())
      const gaveSlivers = new Set(fake.asked.splice(0).map(({ peer }) => peer))
      for (const peer of gaveMetadata.splice(0)) assert.ok(gaveSlivers.has(peer))
    }
  })

  it('asks others when peers cannot be reached or lack slivers', async () => {
    const { read, fake } = reader(
      mixed(i =>
        i < 2 ? unreachable : i < 4 ? { ...honest(blob), sliver: async () => undefined } : honest(blob),
      ),
    )
    right(await read())
    assert.ok(total(fake.asked) < 75)
  })

  it('does not wait for peers that are silent', async () => {
    const clock = new VirtualClock()
    const { read } = reader(
      mixed(i => (i < 4 ? silent : honest(blob))),
      clock,
    )
    const reading = read()
    // after which they are lost
    await clock.advance(1_500)
    right(await reading)
  })

  it('throws out slivers that are altered, misnamed or of another blob, and names who sent them', async () => {
    const alter = (bytes: Uint8Array, at: number) => {
      bytes[at]! ^= 1
      return bytes
    }
    const lies: FakePeer['sliver'][] = [
      async ref => alter(blob.sliver(ref), 100),
      async ref => alter(blob.sliver(ref), blob.sliver(ref).length - 2),
      async ref => other.sliver(ref),
      async () => new Uint8Array(3),
    ]
    const { read, liars, lines } = reader(mixed(i => ({ ...honest(blob), ...defined({ sliver: lies[i] }) })))
    right(await read())
    const accused = [...new Set(liars)].sort()
    assert.deepEqual(
      accused,
      committee.members.slice(0, 4).map(({ nodeId }) => nodeId),
    )
    for (const nodeId of accused)
      assert.ok(lines.some(line => /wrong sliver/.test(line) && line.includes(nodeId)))
  })

  it('does not take a blob for invalid when a liar delivers while another is being found out', async () => {
    const judging = Promise.withResolvers<void>()
    const delivered = Promise.withResolvers<void>()
    const lie = (ref: SliverRef) => {
      const bytes = blob.sliver(ref)
      bytes[100]! ^= 1
      return bytes
    }
    let late = 8
    const { read, components } = reader(
      mixed(i => {
        if (i === 0) return { ...honest(blob), sliver: async ref => lie(ref) }
        if (i > 1) return honest(blob)
        const sliver = async (ref: SliverRef) => {
          await judging.promise
          if (--late === 0) setImmediate(delivered.resolve)
          return lie(ref)
        }
        return { ...honest(blob), sliver }
      }),
    )
    components.codec = {
      ...codec,
      decode: input => codec.decode(input),
      async verifySliver(...args) {
        judging.resolve()
        await delivered.promise
        await codec.verifySliver(...args)
      },
    }
    right(await read())
  })

  it('reads past a member whose network key is none', async () => {
    const { read, components } = reader(all(honest(blob)))
    components.book = createPeerBook({
      clock: systemClock,
      network: { peers: [] as unknown } as NetworkConfig,
      peerIdOf: key => (key[0] === 0 ? undefined : `peer-${key[0]}`),
      random: () => 0,
    })
    right(await read())
  })

  it('is done soon, though all that it asks first say nothing', async () => {
    const clock = new VirtualClock()
    const { read } = reader(
      mixed(i => (i < 5 ? silent : honest(blob))),
      clock,
    )
    const reading = read()
    await clock.advance(600)
    right(await reading)
  })

  it('throws out wrong metadata', async () => {
    const hashes = blob.metadata.hashes.slice()
    hashes[1]! ^= 1
    const lie = async () => ({ ...blob.metadata, hashes })
    const { read, liars } = reader(mixed(i => (i < 4 ? { ...honest(blob), metadata: lie } : honest(blob))))
    right(await read())
    assert.ok(liars.length >= 1)
  })

  it('says that there is no such blob only when 2f+1 of the weight does', async () => {
    const nine = reader(mixed(i => (i < 9 ? ignorant : unreachable)))
    await assert.rejects(nine.read(), { code: 'BLOB_NOT_FOUND' })
    const eight = reader(mixed(i => (i < 8 ? ignorant : unreachable)))
    await assert.rejects(eight.read(), (error: ClientError<'TOO_FEW_SHARDS'>) => {
      assert.equal(error.code, 'TOO_FEW_SHARDS')
      const { nodes = [], ...details } = error.details
      assert.deepEqual(details, { blobId: blob.metadata.blobId, answeredShards: 64, neededShards: 67 })
      assert.equal(nodes.filter(({ lacked }) => lacked > 0).length, 8)
      assert.equal(nodes.filter(({ failure }) => failure !== undefined).length, 5)
      return true
    })
  })

  it('is not told by f peers that a blob does not exist or is invalid', async () => {
    const lie: FakePeer = { ...ignorant, status: async () => ({ kind: 'invalid' }) }
    const { read } = reader(mixed(i => (i < 2 ? ignorant : i < 4 ? lie : honest(blob))))
    right(await read())
  })

  it('says that a blob is invalid when f+1 of the weight does', async () => {
    const { read } = reader(all({ ...ignorant, status: async () => ({ kind: 'invalid' }) }))
    await assert.rejects(read(), { code: 'BLOB_INVALID' })
  })

  it('says how many shards answered when too few do, and what each node did', async () => {
    const { blobId } = blob.metadata
    const lacking: FakePeer = { ...honest(blob), sliver: async () => undefined }
    const full = async () => Promise.reject(new ProtocolError('NO_SPACE'))
    const peers = mixed(i => (i < 4 ? honest(blob) : i < 6 ? lacking : { ...honest(blob), sliver: full }))
    await assert.rejects(
      reader(peers).read(),
      ({ code, message, details }: ClientError<'TOO_FEW_SHARDS'>) => {
        assert.equal(code, 'TOO_FEW_SHARDS')
        const { nodes = [], ...rest } = details
        assert.deepEqual(rest, { blobId, answeredShards: 32, neededShards: 34 })
        const { nodeId, name } = committee.members[0]!
        assert.deepEqual(nodes[0], { nodeId, name, gave: 8, lacked: 0 })
        assert.ok(nodes.slice(4, 6).every(({ gave, lacked }) => gave === 0 && lacked > 0))
        assert.ok(nodes.slice(6).every(({ failure }) => failure === 'NO_SPACE'))
        assert.equal(
          message,
          `32 shards gave their part of blob ${blobId}; 34 are needed (not there: node-4, node-5; ` +
            'NO_SPACE: node-6, node-7, node-8, node-9, node-10 and 2 more)',
        )
        return true
      },
    )
  })

  it('names who said nothing', async () => {
    const clock = new VirtualClock()
    const peers = mixed(i => (i < 4 ? honest(blob) : { ...silent, metadata: honest(blob).metadata! }))
    const failing = assert.rejects(reader(peers, clock).read(), /SILENT: node-4, node-5/)
    await clock.advance(15_000)
    await failing
  })

  it('ends at once with the reason of its signal', async () => {
    const controller = new AbortController()
    const { read } = reader(all(silent))
    const reading = read({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await assert.rejects(reading, /enough/)
    await assert.rejects(reader(all(honest(blob))).read({ signal: controller.signal }, anyBlobId()), /enough/)
  })
})
