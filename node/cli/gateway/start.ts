import { join } from 'node:path'
import { createCloseStack } from '../../../base/close-stack.ts'
import { createCoordinator, createPooledWriter } from '../../../chain/index.ts'
import { createClient } from '../../client/node-client.ts'
import { createGateway, SubWallets } from '../../gateway/index.ts'
import { createMetrics } from '../../metrics.ts'
import { version } from '../../version.ts'
import type { GatewayOptions, RunningGateway } from '../context.ts'

/** A gateway with a client and a connection to the chain of its own. Throws node's own error when the port is taken. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { network, wallet, cache, page, uploadRelay, relaysOnly, signal } = options
  const { host, hostNames, allowedOrigins, port, publish, quota, manage, subWallets, dir, clock, log } =
    options
  const opened = createCloseStack(log)
  try {
    const metrics = createMetrics({ version })
    const chain = createCoordinator(network, { log, clock })
    opened.push(() => chain.close())
    const pool =
      wallet &&
      (await SubWallets.open({
        folder: join(dir, 'sub-wallets'),
        count: subWallets,
        wallet,
        chain,
        metrics,
        log,
        clock,
      }))
    if (pool !== undefined) opened.push(() => pool[Symbol.asyncDispose]())
    await pool?.start(signal)
    const writer = wallet && pool && createPooledWriter(chain, wallet, pool)
    const client = await createClient(network, {
      wallet,
      writer,
      maxUploads: pool && 2 * pool.uploads,
      coordinator: chain,
      role: 'gateway',
      metrics: metrics.node('gateway'),
      cache: cache === undefined ? undefined : { folder: cache },
      log,
      clock,
    })
    opened.push(() => client.close())
    signal.throwIfAborted()
    const gateway = createGateway({
      client,
      chain,
      network,
      metrics,
      log,
      clock,
      host,
      port,
      hostNames,
      allowedOrigins,
      publish,
      quota,
      limits: pool && { uploads: pool.uploads },
      purse: wallet && { address: wallet.address, chain },
      manage: writer && { writer, chain, byAnybody: manage || undefined },
      page,
      dir,
      relaysOnly,
      uploadRelay: uploadRelay && { chain, tip: uploadRelay.tip },
    })
    await gateway.start()
    opened.push(() => gateway.stop())
    return { url: gateway.url, close: opened.closeAll }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}
