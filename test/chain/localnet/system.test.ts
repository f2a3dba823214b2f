import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { Transaction } from '@mysten/sui/transactions'
import { TestChain } from './support/chain.ts'

describe('chain/localnet: clock and randomness', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const clock = async () => {
    const { object } = await chain.client.getObject({ objectId: '0x6', include: { content: true } })
    const { ms } = bcs.struct('Clock', { id: bcs.Address, ms: bcs.u64() }).parse(object.content!)
    return { ms: Number(ms), version: BigInt(object.version), digest: object.digest }
  }
  const now = async () => {
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.moveCall({ target: chain.target('now'), arguments: [tx.object('0x6')] })
    const result = await chain.client.simulateTransaction({
      transaction: tx,
      include: { commandResults: true },
    })
    return Number(bcs.u64().parse(result.commandResults![0]!.returnValues[0]!.bcs))
  }

  const advance = (body: string, authorization = `Bearer ${chain.localnet.adminToken}`) =>
    fetch(`${chain.localnet.url}/admin/advance-clock`, { method: 'POST', body, headers: { authorization } })

  it('tells the time', async () => {
    const before = Date.now()
    const seen = await now()
    assert.ok(seen >= before && seen <= Date.now())
    const object = await clock()
    assert.ok(object.ms >= seen && object.ms <= Date.now())
  })

  it('gives the clock a new version with every new time', async () => {
    const first = await clock()
    await chain.localnet.advanceClock(10)
    const second = await clock()
    assert.ok(second.version > first.version)
    assert.notEqual(second.digest, first.digest)
  })

  it('is advanced by a call, also over HTTP', async () => {
    const day = 86_400_000
    const before = Date.now()
    await chain.localnet.advanceClock(day)
    assert.ok((await now()) >= before + day)
    const response = await advance(JSON.stringify({ ms: day }))
    const { timestampMs } = (await response.json()) as { timestampMs: number }
    assert.ok(timestampMs >= before + 2 * day)
    assert.ok((await now()) >= timestampMs)
    const executed = await chain.client.getTransaction({
      digest: (await chain.localnet.faucet('0x5')).digest,
    })
    assert.ok(Number(executed.Transaction!.timestampMs) >= timestampMs)
  })

  it('is not turned back', async () => {
    for (const body of ['{"ms":-1}', '{"ms":1.5}', '{"ms":"9"}', '{}', 'x'])
      assert.equal((await advance(body)).status, 400)
    await assert.rejects(chain.localnet.advanceClock(-1), { code: 'INVALID_ARGUMENT' })
  })

  it('is advanced by a year at most, and nobody without the token advances it', async () => {
    const year = 365 * 86_400_000
    const refused = await advance(JSON.stringify({ ms: year + 1 }))
    assert.equal(refused.status, 400)
    assert.match(((await refused.json()) as { error: string }).error, /at most a year .* never set back/)
    const before = await now()
    for (const authorization of ['', 'Bearer ', `Bearer ${'0'.repeat(64)}`, chain.localnet.adminToken]) {
      const response = await advance('{"ms":1000}', authorization)
      assert.equal(response.status, 401)
      assert.match(((await response.json()) as { error: string }).error, /Authorization: Bearer TOKEN/)
    }
    assert.ok((await now()) < before + 1000 + 60_000)
    assert.equal((await advance(JSON.stringify({ ms: year }))).status, 200)
    assert.ok((await now()) >= before + year)
  })

  it('cannot be changed by transactions', async () => {
    const tx = new Transaction()
    tx.moveCall({
      target: chain.target('now'),
      arguments: [tx.sharedObjectRef({ objectId: '0x6', initialSharedVersion: '1', mutable: true })],
    })
    await assert.rejects(chain.run(tx), /only be passed by immutable reference/)
  })

  const roll = () => {
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('roll'), arguments: [tx.object('0x8')] })
    return tx
  }

  it('draws numbers that differ', async () => {
    const numbers = new Set<string>()
    for (let i = 0; i < 4; i++) numbers.add(bcs.u64().parse((await chain.ok(roll())).events![0]!.bcs))
    assert.equal(numbers.size, 4)
  })

  it('lets only transfers and merges follow a draw', async () => {
    const tx = roll()
    tx.moveCall({ target: chain.target('nothing') })
    await assert.rejects(chain.run(tx), /may follow a command that uses Random/)
    const fine = roll()
    fine.transferObjects([fine.gas], chain.address)
    await chain.ok(fine)
  })
})
