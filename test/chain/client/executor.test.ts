import assert from 'node:assert/strict'
import { Executor } from '../../../chain/client/executor.ts'
import type { RpcPool } from '../../../chain/client/rpc.ts'
import { ChainError, isChainError } from '../../../chain/errors.ts'
import type { Wallet } from '../../../chain/types/index.ts'
import { parseObjectId } from '../../../codec/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const anyWallet = {
  address: parseObjectId('0x1'),
  signer: { signTransaction: async () => ({ signature: '' }) },
} as unknown as Wallet

/** Refuses what is handed in, in these words, as often as it has any. */
function refusing(words: string[]) {
  const log = { submits: 0 }
  const clock = new VirtualClock()
  const rpc = {
    clock,
    random: () => 0,
    read: async () => new Uint8Array(1),
    async once() {
      log.submits++
      const reason = words.shift()
      if (reason === undefined) return { $kind: 'FailedTransaction', FailedTransaction: { status: {} } }
      throw new ChainError('RPC_FAILED', reason, { status: 'INVALID_ARGUMENT', url: '' })
    },
  } as unknown as RpcPool
  /** Lets the pauses pass until it has settled. */
  const settled = async (run: Promise<unknown>): Promise<void> => {
    let isOver = false
    const over = run.then(
      () => undefined,
      () => undefined,
    )
    void over.then(() => {
      isOver = true
    })
    // half a minute at most, whatever its turns
    while (!isOver && clock.monotonic() < 60_000) await clock.advance(100)
    await over
  }
  return { rpc, log, clock, settled }
}
const STALE = 'Transaction needs to be rebuilt because object 0x2 version 0x22 is unavailable for consumption'

describe('chain/client/executor', () => {
  it('builds again, at its leisure, while another program spends the same coins', async () => {
    const { rpc, log, settled } = refusing(Array.from({ length: 12 }, () => STALE))
    const executor = new Executor(rpc, new AbortController().signal)
    // executed at last; that it failed then is its own affair
    const run = executor.run(anyWallet, () => {})
    await settled(run)
    await assert.rejects(run, { code: 'TRANSACTION_FAILED' })
    assert.equal(log.submits, 13)
  })

  it('says that another program uses the wallet when that does not end', async () => {
    const { rpc, log, settled } = refusing(Array.from({ length: 100 }, () => STALE))
    const executor = new Executor(rpc, new AbortController().signal)
    const run = executor.run(anyWallet, () => {})
    await settled(run)
    await assert.rejects(run, (error: unknown) => {
      assert.ok(isChainError(error, 'WALLET_BUSY'))
      assert.match(error.message, /another program uses this wallet/)
      assert.deepEqual(error.details, { owner: anyWallet.address, attempts: log.submits })
      return true
    })
    assert.ok(log.submits < 50)
  })

  it('tries a few times only when an object is not there, and once when it is refused for good', async () => {
    for (const [reason, submits] of [
      ['could not find the referenced object 0x2', 4],
      ['invalid signature', 1],
    ] as const) {
      const { rpc, log, settled } = refusing(Array.from({ length: 100 }, () => reason))
      const executor = new Executor(rpc, new AbortController().signal)
      const run = executor.run(anyWallet, () => {})
      await settled(run)
      await assert.rejects(run, { code: 'TRANSACTION_REJECTED' })
      assert.equal(log.submits, submits, reason)
    }
  })

  it('ends its tries with the signal', async () => {
    const { rpc } = refusing(Array.from({ length: 100 }, () => STALE))
    const executor = new Executor(rpc, new AbortController().signal)
    const patience = new AbortController()
    const running = executor.run(anyWallet, () => {}, { signal: patience.signal })
    patience.abort(new Error('no more patience'))
    await assert.rejects(running, /no more patience/)
  })

  it('lets nobody take the coins of a transaction that is being executed, whoever gave up waiting for it', async () => {
    const refused = new ChainError('RPC_FAILED', 'refused', { status: 'INVALID_ARGUMENT', url: '' })
    const log: string[] = []
    const handedIn = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<never>()
    const rpc = {
      async read() {
        log.push('build')
        return new Uint8Array(1)
      },
      once(_: unknown, signal?: AbortSignal) {
        log.push('execute')
        handedIn.resolve()
        signal?.addEventListener('abort', () => answer.reject(signal.reason))
        return answer.promise
      },
    } as unknown as RpcPool
    const wallet = {
      address: parseObjectId('0x1'),
      signer: { signTransaction: async () => ({ signature: '' }) },
    } as unknown as Wallet
    const executor = new Executor(rpc, new AbortController().signal)
    const patience = new AbortController()
    const first = executor.run(wallet, () => {}, { signal: patience.signal })
    await handedIn.promise
    const second = executor.run(wallet, () => {})
    patience.abort(new Error('no more patience'))
    await assert.rejects(first, /no more patience/)
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(log, ['build', 'execute'])
    answer.reject(refused)
    await assert.rejects(second, { code: 'TRANSACTION_REJECTED' })
    assert.deepEqual(log, ['build', 'execute', 'build', 'execute'])
  })
})
