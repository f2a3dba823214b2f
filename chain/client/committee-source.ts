import { systemClock } from '../../base/clock.ts'
import { ChainError } from '../errors.ts'
import type { CommitteeSource, NetworkConfig } from '../types/index.ts'
import { CommitteeReader } from './committee.ts'
import { RpcPool } from './rpc.ts'
import { StateReader, systemInfo } from './state.ts'
import type { CoordinatorOptions } from './user-coordinator.ts'

/** Who is in office in a network, and nothing else of the chain. It opens nothing until it is asked. */
export function createCommitteeSource(
  network: NetworkConfig,
  { clock = systemClock, random = Math.random }: Omit<CoordinatorOptions, 'log'> = {},
): CommitteeSource {
  const closed = new AbortController()
  const rpc = new RpcPool({
    urls: network.suiRpc,
    network: network.kind,
    closed: closed.signal,
    clock,
    random,
  })
  const state = new StateReader(rpc, network)
  const committees = new CommitteeReader(rpc, state)
  const source: CommitteeSource = {
    async system({ recent = false, ...options } = {}) {
      return systemInfo(recent ? (await state.recent(options)).state : await state.read(options))
    },
    async committees(options) {
      closed.signal.throwIfAborted()
      return await committees.read(options)
    },
    async close() {
      closed.abort(new ChainError('CLOSED', 'the chain is not asked any more', {}))
    },
    [Symbol.asyncDispose]: () => source.close(),
  }
  return source
}
