import { join } from 'node:path'
import { createCloseStack } from '../../../base/close-stack.ts'
import { createCoordinator } from '../../../chain/index.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { writeConfig } from '../../config.ts'
import { createNetworkOn, expectContract } from '../../devnet/create-network.ts'
import { clearUnfinished, keepCopy, readNetwork } from '../../devnet/folder.ts'
import { devnetLayout, nodeName } from '../../devnet/layout.ts'
import { lockDevnet } from '../../devnet/lock.ts'
import { expectFree } from '../../devnet/ports.ts'
import { loadWallets, seatNodes } from '../../devnet/provision.ts'
import { repairStores } from '../../devnet/repair.ts'
import { createRefusals } from '../../refusals.ts'
import type { LocalnetOptions, RunningLocalnet } from '../context.ts'

const HOST = '127.0.0.1'
/** Nodes exist on chain only, so that there is a committee to stake with, and keys to vote and to certify with. */
const NODES = 4
const SHARDS = 100

/**
 * Sui alone with the contract on it, and no storage nodes. What is in `dir` is continued: the chain, the keys and
 * network.json, laid out as the devnet's. Throws DevnetError, and the chain's errors; whatever was started by then is
 * stopped again.
 */
export async function startLocalnet(options: LocalnetOptions): Promise<RunningLocalnet> {
  const { port, dir, contractVersion, keepCheckpoints, repair = false, clock, log, signal } = options
  const layout = devnetLayout(dir)
  const opened = createCloseStack(log)
  try {
    await expectFree(HOST, port)
    opened.push(await lockDevnet(layout, clock))
    const existing = await readNetwork(layout)
    if (existing === undefined) await clearUnfinished(layout)
    else if (repair) await repairStores(layout, existing, { clock, log, signal })
    const wallets = await loadWallets(layout, existing === undefined)

    const { startLocalnet: startChain } = await import('../../../chain/localnet/index.ts')
    const refusals = createRefusals({ clock, log })
    opened.push(async () => refusals.close())
    const onRefused = refusals.at('localnet')
    const localnet = await startChain({
      dir: layout.localnet,
      host: HOST,
      port,
      keepCheckpoints,
      pageOrigins: options.pageOrigins,
      log,
      onRefused,
    })
    opened.push(() => localnet.close())
    signal.throwIfAborted()

    const base =
      existing ??
      (await createNetworkOn({
        localnet,
        wallets,
        seats: await seatNodes(layout, NODES, HOST, undefined, opened),
        shards: SHARDS,
        contractVersion,
        clock,
        log,
        signal,
      }))
    const network = { ...base, suiRpc: [localnet.url], faucet: localnet.faucetUrl }
    const packages = await packagesOf(network, signal)
    expectContract(packages, contractVersion, dir)
    await keepCopy(layout, network)
    await writeConfig(layout.network, network)
    return {
      network,
      chainId: localnet.chainId,
      packageId: packages.packageId,
      networkPath: layout.network,
      userKeyPath: layout.userKey,
      adminTokenPath: localnet.adminTokenPath ?? '',
      nodeKeyPath: join(layout.node(nodeName(0)).keys, 'sui.key'),
      close: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}

async function packagesOf(network: NetworkConfig, signal: AbortSignal) {
  const coordinator = createCoordinator(network)
  try {
    return await coordinator.packages({ signal })
  } finally {
    await coordinator.close()
  }
}
