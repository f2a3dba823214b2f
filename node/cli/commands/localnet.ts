import { once } from 'node:events'
import { join } from 'node:path'
import type { LogLevel } from '../../../base/pino-log.ts'
import type { ContractVersion } from '../../../chain/types.ts'
import type { Context, RunningLocalnet } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatDuration, formatRows } from '../format.ts'
import { shellWord } from '../shell-word.ts'
import { lines, type Shown, shown } from '../shown.ts'
import { startUntilStopped } from '../start-until-stopped.ts'

export interface LocalnetCommandOptions {
  contractVersion?: ContractVersion
  port: number
  dir: string
  repair?: boolean
  log: LogLevel
}

/** Runs a Sui with the contract on it, alone, until it is told to stop. */
export async function localnet(context: Context, options: LocalnetCommandOptions): Promise<ExitCode> {
  const { output, parts, signal } = context
  const startMs = performance.now()
  output.say(shown`Starting a Sui of its own...`)
  const log = await parts.createLog(options.log)
  const running = await startUntilStopped(context, starting =>
    parts.startLocalnet({ ...options, log, signal: starting }),
  )
  try {
    await output.result(readyJson(running), readyText(running, options, performance.now() - startMs))
    if (!signal.aborted) await once(signal, 'abort')
    output.say(shown`Stopping...`)
  } finally {
    await running.close()
  }
  return EXIT.ok
}

function readyJson(running: RunningLocalnet): object {
  const { network, chainId, packageId, networkPath, userKeyPath, nodeKeyPath, adminTokenPath } = running
  const { suiRpc, faucet, systemObjectId, stakingObjectId, treasuryObjectId, walType } = network
  const files = {
    network: networkPath,
    wallet: userKeyPath,
    nodeWallet: nodeKeyPath,
    adminToken: adminTokenPath,
  }
  return {
    suiRpc: suiRpc[0],
    faucet,
    chainId,
    packageId,
    systemObjectId,
    stakingObjectId,
    treasuryObjectId,
    walType,
    ...files,
  }
}

function readyText(running: RunningLocalnet, options: LocalnetCommandOptions, tookMs: number): Shown {
  const { network, chainId, packageId, networkPath, userKeyPath, adminTokenPath } = running
  const rpc = network.suiRpc[0] ?? ''
  const rows: [string, string][] = [
    ['Sui RPC', rpc],
    ['Faucet', network.faucet ?? ''],
    ['Chain ID', chainId],
    ['Package', packageId],
    ['System', network.systemObjectId],
    ['Staking', network.stakingObjectId],
    ['Treasury', network.treasuryObjectId ?? ''],
    ['WAL', network.walType],
    ['Wallet', userKeyPath],
    ['Admin token', adminTokenPath],
    ['Data', options.dir],
  ]
  const named = `--network ${shellWord(networkPath)}`
  const mine = shellWord(join(options.dir, 'my.key'))
  return lines([
    shown`\nSui is up, ready in ${formatDuration(tookMs)}.\n`,
    shown`${formatRows(rows)}\n`,
    shown`Try, in another terminal in this folder:\n`,
    shown`  npx floe wallet new ${mine}`,
    shown`  npx floe faucet ${named} --wallet ${mine}`,
    shown`  npx floe stake ${named} --wallet ${mine} node-00 100`,
    shown`  npx floe info ${named}`,
    shown`\nTime moves by POST RPC/admin/advance-clock {"ms": N} with the token, a year at most at a time, and never back.`,
    shown`Pages on http://localhost may use RPC and faucet; the admin is not theirs.`,
    shown`Programs: new SuiGrpcClient({ network: "localnet", baseUrl: RPC }). Ctrl-C stops it; the chain stays.`,
  ])
}
