import { strict as assert } from 'node:assert'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChainEvent, Committee, CommitteeMember, Committees } from '../../../../chain/types/index.ts'
import {
  blobIdFromBytes,
  challengeMessage,
  createAdaptiveCodec,
  type EncodedBlob,
  pairOfShard,
  pieceOf,
  pieceShape,
} from '../../../../codec/index.ts'
import type { Axis, BlobId, Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { Asking } from '../../../../node/storage/challenge/asked.ts'
import { createChallengeJudge, noRound } from '../../../../node/storage/challenge/judge.ts'
import { LeafFile } from '../../../../node/storage/challenge/leaf-file.ts'
import { owedBlobs } from '../../../../node/storage/challenge/owed.ts'
import { Prover } from '../../../../node/storage/challenge/prover.ts'
import { RoundBook } from '../../../../node/storage/challenge/round-book.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { applyBlobEvent } from '../../../../node/storage/store/blob-state.ts'
import { blobKey } from '../../../../node/storage/store/keys.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { createMetadataStore } from '../../../../node/storage/store/metadata-store.ts'
import { createRoundRecords } from '../../../../node/storage/store/round-records.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import { memoryRecords } from '../../../support/memory-records.ts'
import { Random } from '../../../support/random.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const N = 10
const EPOCH = 2 as Epoch
const random = new Random('challenge')
const signal = new AbortController().signal
const idOf = (number: number): ObjectId => `0x${number.toString(16).padStart(64, '0')}` as ObjectId
const isProtocolError = (error: unknown, code: string): boolean =>
  error instanceof ProtocolError && error.code === code
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

const memberOf = (index: number, shards: number[]): CommitteeMember => ({
  index,
  nodeId: idOf(index + 1),
  name: `node-${index}`,
  networkAddress: '127.0.0.1:1',
  networkPublicKey: new Uint8Array(33).fill(index),
  blsPublicKey: new Uint8Array(48),
  shards: shards as ShardIndex[],
  multiaddrs: [],
})
const committee: Committee = {
  epoch: EPOCH,
  nShards: N,
  members: [memberOf(0, [7, 0, 3]), memberOf(1, [1, 2, 4, 5, 6, 8, 9])],
}
const [prover, verifier] = committee.members as [CommitteeMember, CommitteeMember]
const committees = { epoch: EPOCH, current: committee } as Committees

let events = 0
const event = (what: object): ChainEvent =>
  ({
    epoch: EPOCH,
    cursor: String(++events),
    digest: 'digest',
    eventIndex: events,
    ...what,
  }) as unknown as ChainEvent

/** A node's own view of the chain and what it keeps, in memory. */
function nodeWorld() {
  const records = memoryRecords()
  const blobs = createBlobRecords(records)
  const metadata = createMetadataStore(records, N)
  const rounds = createRoundRecords(records)
  const book = new RoundBook({ rounds, blobs, metadata })
  const hear = async (heard: ChainEvent): Promise<void> => {
    const noted = await book.noted(heard)
    if ('blobId' in heard) {
      const before = await blobs.get(heard.blobId)
      await blobs.advance(
        heard.cursor,
        { blobId: heard.blobId, before, state: applyBlobEvent(before, heard) },
        noted,
      )
    } else await blobs.advance(heard.cursor, undefined, noted)
    book.applied(heard)
  }
  return { records, blobs, metadata, rounds, book, hear, slivers: memorySliverStore(N) }
}

const opened = () =>
  event({
    type: 'ChallengeOpened',
    round: 0,
    salt: random.bytes(32),
    draws: 200,
    commitUntilMs: 1_000,
    passUntilMs: 2_000,
  })
const drawn = () => event({ type: 'ChallengeDrawn', round: 0, seed: random.bytes(32) })
const committed = (root: Uint8Array) =>
  event({ type: 'ChallengeCommitted', round: 0, nodeId: prover.nodeId, root })

describe('proofs of a storage challenge', () => {
  const codec = createAdaptiveCodec()
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let stored: EncodedBlob[]
  const provers: Prover[] = []
  const objectOf = (blobId: BlobId): ObjectId =>
    idOf(1_000 + stored.findIndex(({ metadata }) => metadata.blobId === blobId))

  before(async () => {
    folder = await temporaryFolder()
    stored = []
    // of one piece, and of many; the last piece is shorter
    for (const size of [1, 3_000, 20_000, 700_000]) stored.push(await codec.encode(random.bytes(size), N))
  })
  afterEach(async () => {
    for (const one of provers.splice(0)) await one[Symbol.asyncDispose]()
  })
  after(async () => {
    for (const blob of stored) blob.release()
    await codec.close()
    await folder.remove()
  })

  const blobEvent = (blob: EncodedBlob, what: object): ChainEvent => {
    const { blobId, unencodedLength: size } = blob.metadata
    return event({
      blobId,
      size,
      endEpoch: 9,
      deletable: true,
      objectId: objectOf(blobId),
      epoch: 1,
      ...what,
    })
  }

  /** Two nodes that have heard the same of these blobs, and all slivers of the first, but for those that `lacks` names. */
  async function world(
    lacks: (blobId: BlobId, shard: ShardIndex, axis: Axis) => boolean = () => false,
    blobs = stored,
  ) {
    const [mine, theirs] = [nodeWorld(), nodeWorld()]
    const hear = async (heard: ChainEvent): Promise<void> => {
      for (const node of [mine, theirs]) await node.hear(heard)
    }
    for (const blob of blobs) {
      const { blobId } = blob.metadata
      await hear(blobEvent(blob, { type: 'BlobRegistered' }))
      await hear(blobEvent(blob, { type: 'BlobCertified', isExtension: false }))
      for (const node of [mine, theirs]) await node.metadata.put(blob.metadata)
      for (const shard of prover.shards) {
        const pair = pairOfShard(shard, blobId, N)
        for (const axis of ['primary', 'secondary'] as const) {
          if (!lacks(blobId, shard, axis))
            await mine.slivers.put(blobId, { pair, axis }, blob.sliver({ pair, axis }))
        }
      }
    }
    await hear(opened())
    const budget = {
      within: async <T>(
        _: string,
        __: number,
        ___: AbortSignal,
        work: (grant: never) => Promise<T>,
      ): Promise<T> => work({ spent: () => undefined } as never),
    }
    const path = join(folder.path, String(++events))
    const clock = { monotonic: () => 0 }
    const parts = { ...mine, nodeId: prover.nodeId, nShards: N, codec, budget, path }
    const shows = new Prover(parts as never)
    provers.push(shows)
    const asking = new Asking({ ...theirs, nShards: N, clock }, signal)
    const judge = createChallengeJudge({
      ...theirs,
      nodeId: verifier.nodeId,
      nShards: N,
      codec,
      committees: () => committees,
      members: { of: (_, peer) => committee.members.find(({ name }) => name === peer), currentOf: () => [] },
      signer: { passed: body => ({ message: challengeMessage(body), signature: new Uint8Array(96) }) },
      asked: signal => {
        const record = theirs.book.record
        if (record?.seed === undefined) throw noRound({ epoch: EPOCH, round: 0 })
        return asking.of({ ...record, seed: record.seed }, signal)
      },
    })
    const shards = prover.shards.toSorted((a, b) => a - b)
    const commit = async (): Promise<void> =>
      hear(committed(await shows.commit(mine.book.record!, shards, signal)))
    const ask = (peer = prover.name, nodeId = prover.nodeId) =>
      judge.open({ epoch: EPOCH, round: 0, nodeId }, { peer, signal })
    const open = async (peer?: string) => {
      const hearing = await ask(peer)
      assert.ok(hearing.kind === 'open')
      return hearing
    }
    const own = new Asking({ ...mine, nShards: N, clock }, signal)
    const prove = async () => {
      const record = mine.book.record!
      const asked = await own.of({ ...record, seed: record.seed! }, signal)
      return { questions: asked.of(prover), ...(await shows.prove(record, asked.of(prover), signal)) }
    }
    return { parts, mine, theirs, hear, commit, ask, open, prove, shows }
  }

  /** Commits, draws, proves, and has the other one look; gives what it signs. */
  async function attempt(on: Awaited<ReturnType<typeof world>>) {
    await on.commit()
    await on.hear(drawn())
    const { proofs } = await on.prove()
    const hearing = await on.open()
    try {
      assert.equal(hearing.questions, proofs.length)
      for (const [i, proof] of proofs.entries()) await hearing.check(i, proof)
      return hearing.sign()
    } finally {
      hearing.close()
    }
  }

  const failed = (error: unknown): boolean => isProtocolError(error, 'CHALLENGE_FAILED')

  it('hold for a node that has everything, and are signed for', async () => {
    const on = await world()
    const { message } = await attempt(on)
    const record = on.theirs.book.record!
    const root = bytesOf(on.theirs.book.nodes.get(prover.nodeId)!.root)
    const body = { epoch: EPOCH, round: 0, nodeId: prover.nodeId, root, seed: bytesOf(record.seed!) }
    assert.deepEqual(message, challengeMessage(body))
    // whoever has passed is signed for again, without another look
    for (let i = 0; i < 6; i++) {
      const again = await on.ask()
      assert.ok(again.kind === 'known')
      assert.deepEqual(again.signed.message, message)
    }
  })

  it('do not hold for what was not there at the commitment, though it is at the draw', async () => {
    const { blobId } = stored[1]!.metadata
    const on = await world((id, shard) => id === blobId && shard === 3)
    await on.commit()
    const pair = pairOfShard(3 as ShardIndex, blobId, N)
    for (const axis of ['primary', 'secondary'] as const)
      await on.mine.slivers.put(blobId, { pair, axis }, stored[1]!.sliver({ pair, axis }))
    await on.hear(drawn())
    const { proofs, lacking, questions } = await on.prove()
    const first = questions.findIndex(question => question.blobId === blobId && question.shard === 3)
    assert.ok(first >= 0)
    assert.ok(lacking > 0, 'it knows that it has nothing to show')
    // the right bytes, and the path that its tree has
    const { axis, leaf, piece } = questions[first]!
    const { path } = on.parts
    await using tree = await LeafFile.open(
      join(path, (await readdir(path))[0]!),
      stored.length * prover.shards.length * 2,
    )
    const sliver = stored[1]!.sliver({ pair, axis })
    const { metadata } = stored[1]!
    assert.equal(pieceShape(metadata, axis).count, 1)
    const bytes = pieceOf(metadata, { pair, axis }, sliver, piece)
    const hearing = await on.open()
    for (const [i, proof] of proofs.slice(0, first).entries()) await hearing.check(i, proof)
    const cheat = { leaf, bytes, path: await tree.path(leaf), siblings: [] }
    await assert.rejects(hearing.check(first, cheat), failed)
    assert.throws(() => hearing.sign(), failed)
  })

  it('are none for what is not there', async () => {
    const on = await world((_, shard) => shard === 7)
    await on.commit()
    await on.hear(drawn())
    const { lacking, proofs, questions } = await on.prove()
    assert.equal(lacking, questions.filter(({ shard }) => shard === 7).length)
    assert.ok(lacking > 0)
    assert.equal(proofs.length, questions.length)
  })

  it('are refused when anything of them is changed', async () => {
    const on = await world()
    await on.commit()
    await on.hear(drawn())
    const { proofs, questions } = await on.prove()
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte))
    const cut = questions.findIndex((_, i) => proofs[i]!.siblings.length > 0)
    assert.ok(cut >= 0, 'one of a sliver in pieces')
    for (const at of [questions.findIndex((_, i) => proofs[i]!.siblings.length === 0), cut]) {
      const proof = proofs[at]!
      const wrong = [
        { ...proof, bytes: flip(proof.bytes) },
        { ...proof, bytes: proof.bytes.subarray(1) },
        { ...proof, leaf: proof.leaf ^ 1 },
        { ...proof, path: proof.path.slice(1) },
        { ...proof, path: [...proof.path.slice(1), flip(proof.path.at(-1)!)] },
        { ...proof, siblings: [...proof.siblings, new Uint8Array(32)] },
        ...(at === cut ? [{ ...proof, siblings: proof.siblings.map(flip) }] : []),
        proofs[(at + 1) % proofs.length]!,
      ]
      const hearing = await on.open()
      for (const [i, right] of proofs.slice(0, at).entries()) await hearing.check(i, right)
      for (const one of wrong) await assert.rejects(hearing.check(at, one), failed)
      const none = { ...proof, bytes: new Uint8Array() }
      await assert.rejects(hearing.check(at, none), error => isProtocolError(error, 'NO_ROUND'))
      // not in their order either
      await assert.rejects(hearing.check(at + 1, proofs[at + 1]!), failed)
      await hearing.check(at, proof)
      hearing.close()
    }
  })

  it('are excused for a blob that was deleted meanwhile, and for no other', async () => {
    const on = await world()
    await on.commit()
    const gone = stored[2]!
    const deletion = blobEvent(gone, { type: 'BlobDeleted', wasCertified: true, epoch: EPOCH })
    await on.mine.hear(deletion)
    await on.mine.slivers.delete(gone.metadata.blobId)
    await on.hear(drawn())
    const { proofs, questions, lacking } = await on.prove()
    assert.equal(lacking, 0)
    const first = questions.findIndex(({ blobId }) => blobId === gone.metadata.blobId)
    assert.ok(first >= 0, 'it is asked for all the same')
    const hearing = await on.open()
    for (const [i, proof] of proofs.slice(0, first).entries()) await hearing.check(i, proof)
    await assert.rejects(hearing.check(first, proofs[first]!), error => isProtocolError(error, 'NO_ROUND'))
    await on.theirs.hear(deletion)
    for (const [i, proof] of proofs.entries()) if (i >= first) await hearing.check(i, proof)
    hearing.sign()
    hearing.close()
  })

  it('are excused for a blob that was found invalid meanwhile, and not for one that was extended', async () => {
    const on = await world()
    await on.commit()
    const [extended, invalid] = [stored[1]!, stored[2]!]
    await on.hear(
      blobEvent(extended, { type: 'BlobCertified', isExtension: true, epoch: EPOCH, endEpoch: 12 }),
    )
    await on.hear(event({ type: 'InvalidBlobID', blobId: invalid.metadata.blobId }))
    await on.mine.slivers.delete(invalid.metadata.blobId)
    await on.hear(drawn())
    const { proofs, questions, lacking } = await on.prove()
    assert.equal(lacking, 0)
    assert.ok(questions.some(({ blobId }) => blobId === invalid.metadata.blobId))
    const hearing = await on.open()
    for (const [i, proof] of proofs.entries()) await hearing.check(i, proof)
    hearing.sign()
    hearing.close()
    await on.mine.slivers.delete(extended.metadata.blobId)
    const asked = questions.filter(({ blobId }) => blobId === extended.metadata.blobId).length
    assert.ok(asked > 0)
    assert.equal((await on.prove()).lacking, asked)
  })

  it('are of one blob where there is one, and where there is none a commitment is enough', async () => {
    const one = await world(undefined, [stored[2]!])
    await attempt(one)
    const { questions } = await one.prove()
    assert.deepEqual(new Set(questions.map(({ blobId }) => blobId)), new Set([stored[2]!.metadata.blobId]))
    const none = await world(undefined, [])
    await attempt(none)
    assert.deepEqual((await none.prove()).questions, [])
  })

  it('are of a list that is the same whatever happens after the opening, and of nothing certified in the epoch', async () => {
    const on = await world()
    const late = stored[0]!
    await on.hear(blobEvent(late, { type: 'BlobDeleted', wasCertified: true, epoch: EPOCH }))
    await on.hear(blobEvent(late, { type: 'BlobRegistered', epoch: EPOCH, objectId: idOf(77) }))
    await on.hear(
      blobEvent(late, { type: 'BlobCertified', isExtension: false, epoch: EPOCH, objectId: idOf(77) }),
    )
    await on.commit()
    await on.hear(drawn())
    const { questions } = await on.prove()
    assert.deepEqual(
      new Set(questions.map(({ blobId }) => blobId)),
      new Set(stored.map(({ metadata }) => metadata.blobId)),
    )

    const next = await world()
    const fresh = {
      ...stored[3]!,
      metadata: { ...stored[3]!.metadata, blobId: `${stored[3]!.metadata.blobId.slice(0, -1)}A` as BlobId },
    }
    await next.hear(blobEvent(fresh, { type: 'BlobRegistered', epoch: EPOCH }))
    await next.hear(blobEvent(fresh, { type: 'BlobCertified', isExtension: false, epoch: EPOCH }))
    await next.commit()
    await next.hear(drawn())
    assert.ok((await next.prove()).questions.every(({ blobId }) => blobId !== fresh.metadata.blobId))
  })

  it('are looked at only of members, in the round that is drawn, a few times, one at a time', async () => {
    const on = await world()
    await assert.rejects(on.open(), error => isProtocolError(error, 'NO_ROUND'), 'before it has committed')
    await on.commit()
    await assert.rejects(on.open(), error => isProtocolError(error, 'NO_ROUND'), 'before the draw')
    await on.hear(drawn())
    await assert.rejects(on.open('stranger'), error => isProtocolError(error, 'NOT_A_MEMBER'))
    await assert.rejects(
      on.ask(verifier.name),
      error => isProtocolError(error, 'NOT_AUTHORIZED'),
      'of another node',
    )
    await assert.rejects(on.ask(prover.name, idOf(55)), error => isProtocolError(error, 'NOT_IN_COMMITTEE'))
    const hearing = await on.open()
    await assert.rejects(on.open(), error => isProtocolError(error, 'BUSY'))
    hearing.close()
    for (let i = 0; i < 3; i++) (await on.open()).close()
    await assert.rejects(on.open(), error => isProtocolError(error, 'TOO_MANY_FAILURES'))
    await on.hear(event({ ...opened(), round: 1 }))
    await assert.rejects(on.open(), error => isProtocolError(error, 'NO_ROUND'), 'of an old round')
  })

  it('are of a list that does not change while it is read', async () => {
    const node = nodeWorld()
    // more than are read in one go
    const ids = Array.from({ length: 600 }, () => blobIdFromBytes(random.bytes(32)))
    for (const [i, blobId] of ids.entries()) {
      const of = { blobId, size: 1, endEpoch: 9, deletable: true, objectId: idOf(i), epoch: 1 }
      await node.hear(event({ type: 'BlobRegistered', ...of }))
      await node.hear(event({ type: 'BlobCertified', isExtension: false, ...of }))
    }
    await node.hear(opened())
    const read = async (during: () => Promise<void>): Promise<BlobId[]> => {
      const seen: BlobId[] = []
      for await (const { blobId, rank } of owedBlobs({ ...node, nShards: N }, EPOCH, signal)) {
        assert.equal(rank, seen.length)
        seen.push(blobId)
        if (rank === 0) await during()
      }
      return seen
    }
    const before = await read(async () => undefined)
    assert.deepEqual(before.toSorted(), ids.toSorted())
    const [gone, invalid, forgotten] = [599, 450, 300].map(at => before[at]!) as [BlobId, BlobId, BlobId]
    const objectOf = (blobId: BlobId): ObjectId => idOf(ids.indexOf(blobId))
    const after = await read(async () => {
      for (const blobId of [gone, forgotten])
        await node.hear(
          event({ type: 'BlobDeleted', blobId, wasCertified: true, objectId: objectOf(blobId) }),
        )
      await node.hear(event({ type: 'InvalidBlobID', blobId: invalid }))
      await node.records.commit([{ type: 'del', key: blobKey(forgotten) }])
    })
    assert.deepEqual(after, before)
  })

  it('are of a round that is over as the next epoch begins, or as the chain is read again', async () => {
    for (const end of ['EpochChangeStart', 'EpochChangeDone', 'forgotten']) {
      const on = await world()
      await on.commit()
      const { book, rounds, blobs } = on.theirs
      if (end === 'forgotten') await blobs.commit(book.forgotten())
      else await on.theirs.hear(event({ type: end }))
      assert.equal(book.record, undefined)
      assert.equal(await rounds.round(), undefined)
      // what is deleted before the opening is heard of again is not noted
      const gone = stored[2]!
      await on.theirs.hear(blobEvent(gone, { type: 'BlobDeleted', wasCertified: true, epoch: EPOCH }))
      assert.equal(await rounds.wasOwed(gone.metadata.blobId), undefined)
      const again = opened()
      await on.theirs.hear(again)
      assert.deepEqual([...book.nodes], [])
      const reloaded = new RoundBook(on.theirs)
      await reloaded.load()
      assert.deepEqual(reloaded.record, book.record)
    }
  })

  it('are of a tree that a restart finds again', async () => {
    const on = await world()
    const record = on.mine.book.record!
    const shards = prover.shards.toSorted((a, b) => a - b)
    const root = await on.shows.commit(record, shards, signal)
    await on.shows[Symbol.asyncDispose]()
    for (const { metadata } of stored) await on.mine.slivers.delete(metadata.blobId)
    assert.deepEqual(await on.shows.commit(record, shards, signal), root)
  })
})
