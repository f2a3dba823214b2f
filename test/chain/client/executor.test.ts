import assert from 'node:assert/strict'
import { Executor } from '../../../chain/client/executor.ts'
import type { RpcPool } from '../../../chain/client/rpc.ts'
import { ChainError } from '../../../chain/errors.ts'
import type { Wallet } from '../../../chain/types.ts'
import { parseObjectId } from '../../../codec/index.ts'

describe('chain/client/executor', () => {
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
