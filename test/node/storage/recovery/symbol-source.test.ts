import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { blobIdToBytes, type Codec, createCodec, pairOfShard, symbolSize } from '../../../../codec/index.ts'
import type { BlobId, Epoch, ShardIndex } from '../../../../codec/types.ts'
import { peerIdTextOf } from '../../../../node/network/peer-id.ts'
import { pathBytes, provenAt } from '../../../../node/storage/recovery/symbol-data.ts'
import type { RecoverQuery } from '../../../../protocols/ports.ts'
import { createWorld, EPOCH, type World } from './support.ts'

const N = 10
const shards = (...of: number[]) => of as ShardIndex[]

describe('symbols of stored slivers', () => {
  let codec: Codec
  let world: World
  let ids: BlobId[]
  let query: RecoverQuery
  const context = (member = 0) => ({
    peer: peerIdTextOf(world.members[member]!.networkPublicKey)!,
    signal: new AbortController().signal,
  })
  const ask = async (changes: Partial<RecoverQuery> = {}, member = 1) => {
    const { blobs, symbols } = await world.sourceOf(member).open({ ...query, ...changes }, context())
    const groups = []
    for await (const cells of symbols()) groups.push(cells)
    return { statuses: blobs.map(({ status }) => status), cells: groups.flat(), groups }
  }

  before(async () => {
    codec = createCodec({ threads: 0 })
    // member 1 has the shards 1, 4, 7; member 0 has 0, 3, 6, 9
    world = createWorld({ codec, nShards: N, members: 3 })
    ids = []
    for (const size of [100, 5_000]) {
      using blob = await codec.encode(randomBytes(size), N)
      ids.push((await world.add(blob)).blobId)
    }
    query = {
      epoch: EPOCH,
      axis: 'primary',
      targets: shards(0, 3),
      sources: shards(1, 4, 5),
      blobs: { Ids: ids },
      proofs: false,
    }
  })
  after(() => codec.close())

  it('are not given of a blob that ended in the epoch that was heard of', async () => {
    const { blobs } = await world.sourceOf(1, { epoch: 9 as Epoch }).open(query, context())
    assert.deepEqual(
      blobs.map(({ status }) => status),
      ['ended', 'ended'],
    )
  })

  it('are those at the crossings with the targets, of both axes', async () => {
    for (const axis of ['primary', 'secondary'] as const) {
      const { statuses, cells } = await ask({ axis })
      assert.deepEqual(statuses, ['found', 'found'])
      // shard 5 is not member 1's
      assert.deepEqual(
        cells.map(cell => cell !== undefined),
        [true, true, false, true, true, false],
      )
      for (const [i, blobId] of ids.entries()) {
        const metadata = world.blobs.get(blobId)!
        for (const [j, shard] of shards(1, 4).entries()) {
          const other = axis === 'primary' ? 'secondary' : 'primary'
          const source = { pair: pairOfShard(shard, blobId, N), axis: other } as const
          const bytes = (await world.stores[1]!.get(blobId, source))!
          const targets = query.targets.map(target => ({ pair: pairOfShard(target, blobId, N), axis }))
          const symbols = await codec.recoverySymbols({ metadata, source, bytes, targets })
          assert.deepEqual(Buffer.from(cells[i * 3 + j]!), Buffer.concat(symbols.map(({ data }) => data)))
        }
      }
    }
  })

  it('come with their paths where they are asked for', async () => {
    const { cells } = await ask({ proofs: true, blobs: { Ids: [ids[1]!] }, sources: shards(4) })
    const metadata = world.blobs.get(ids[1]!)!
    const size = symbolSize(N, metadata.unencodedLength)
    assert.equal(cells[0]!.length, 2 * (size + pathBytes(N)))
    const source = { pair: pairOfShard(shards(4)[0]!, ids[1]!, N), axis: 'secondary' } as const
    const bytes = (await world.stores[1]!.get(ids[1]!, source))!
    const targets = query.targets.map(shard => ({
      pair: pairOfShard(shard, ids[1]!, N),
      axis: 'primary' as const,
    }))
    const symbols = await codec.recoverySymbols({ metadata, source, bytes, targets, proofs: true })
    for (const [i, symbol] of symbols.entries())
      assert.deepEqual(provenAt(cells[0]!, i, { index: symbol.index, nShards: N, symbolSize: size }), symbol)
  })

  it('are found by the beginning of an ID, and ambiguous when several begin so', async () => {
    const prefix = (blobId: BlobId) => blobIdToBytes(blobId).slice(0, 8)
    const both = { Prefixes: ids.map(prefix) }
    assert.deepEqual((await ask({ blobs: both })).cells.length, 6)
    const twin = Uint8Array.from([...prefix(ids[0]!), ...new Uint8Array(24)])
    const twinId = Buffer.from(twin).toString('base64url') as BlobId
    world.blobs.set(twinId, { ...world.blobs.get(ids[0]!)!, blobId: twinId })
    try {
      const { statuses, cells } = await ask({ blobs: { Prefixes: [...both.Prefixes, new Uint8Array(8)] } })
      assert.deepEqual(statuses, ['ambiguous', 'found', 'unknown'])
      assert.equal(cells.length, 3)
    } finally {
      world.blobs.delete(twinId)
    }
  })

  it('are there of a blob that is not whole, and not of a sliver that is no such', async () => {
    const blobId = ids[0]!
    const of = (shard: number, axis: 'primary' | 'secondary') =>
      ({ pair: pairOfShard(shard as ShardIndex, blobId, N), axis }) as const
    const kept = await world.stores[1]!.get(blobId, of(4, 'secondary'))
    await world.wipe(1, blobId)
    await world.stores[1]!.put(blobId, of(4, 'secondary'), kept!)
    await world.stores[1]!.put(blobId, of(1, 'secondary'), new Uint8Array(5))
    for (const proofs of [false, true]) {
      const { cells } = await ask({ blobs: { Ids: [blobId] }, sources: shards(1, 4, 7), proofs })
      assert.deepEqual(
        cells.map(cell => cell !== undefined),
        [false, true, false],
      )
    }
  })

  it('are only for members, of their own shards, in an epoch that is known', async () => {
    const open = (changes: Partial<RecoverQuery>, peer = context().peer) =>
      world.sourceOf(1).open({ ...query, ...changes }, { ...context(), peer })
    await assert.rejects(open({}, 'stranger'), { code: 'NOT_A_MEMBER' })
    await assert.rejects(open({ targets: shards(0, 1) }), {
      code: 'NOT_YOURS',
      details: { shard: 1, epoch: EPOCH },
    })
    await assert.rejects(open({ epoch: (EPOCH + 2) as Epoch }), { code: 'EPOCH_AHEAD' })
    await assert.rejects(open({ epoch: (EPOCH + 1) as Epoch }), { code: 'EPOCH_BEHIND' })
  })
})

describe('what is held of symbols', () => {
  it('is bounded, and given back when the next are taken or the asker leaves', async () => {
    const codec = createCodec({ threads: 0 })
    const world = createWorld({ codec, nShards: N, members: 3 })
    // a secondary sliver of four symbols, and two of it: two such fit
    using blob = await codec.encode(randomBytes(28 * 30_000), N)
    const { blobId } = await world.add(blob)
    const holds: number[] = []
    let held = 0
    const quota = {
      async hold(bytes: number) {
        holds.push(bytes)
        held += bytes
        return () => {
          held -= bytes
        }
      },
      pace: async () => {},
      disk: async () => () => {},
    }
    const peer = peerIdTextOf(world.members[0]!.networkPublicKey)!
    const request: RecoverQuery = {
      epoch: EPOCH,
      axis: 'primary',
      targets: shards(0, 3),
      sources: shards(1, 4, 7),
      blobs: { Ids: [blobId] },
      proofs: false,
    }
    const { symbols } = await world
      .sourceOf(1, { groupBytes: 400_000 })
      .open(request, { peer, quota, signal: new AbortController().signal })
    for await (const cells of symbols()) {
      assert.equal(held, holds.at(-1))
      assert.ok(held <= 400_000 && held > 150_000, `${held} bytes`)
      assert.ok(cells.length < 3)
    }
    assert.ok(holds.length >= 2)
    for await (const _ of symbols()) break
    assert.equal(held, 0)
    await codec.close()
  })
})
