import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { CloseStack } from '../../base/close-stack.ts'
import { tryPort } from '../../base/try-port.ts'
import { DevnetError } from './errors.ts'

/**
 * Below those that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere): the first nodes' could
 * have a later one's port before that listens.
 */
const CHOSEN_PORTS = [16_384, 32_768] as const
/** A devnet of 13 nodes with two ports each fits into one. */
const BLOCK = 32
const DRAWS = 200

/** Whether a TCP port can be listened on. */
export async function isFree(host: string, port: number): Promise<boolean> {
  try {
    await tryPort(host, port)
    return true
  } catch {
    return false
  }
}

/** Throws EADDRINUSE, naming the port, before anything was started that would have to be stopped again. */
export async function expectFree(host: string, port: number): Promise<void> {
  if (port === 0 || (await isFree(host, port))) return
  throw new DevnetError('EADDRINUSE', `port ${port} of ${host} is already in use`, { port })
}

/**
 * As many free ports as are asked for: those wished for where they are free, others elsewhere. They come in blocks, each of
 * them held, until `held` is closed, by a listener on its first port: between the choice and the moment at which a node
 * listens, and while one is stopped, a second devnet would take the same. Throws DEVNET_PORTS.
 */
export async function choosePorts(
  host: string,
  wishes: readonly (number | undefined)[],
  held: Pick<CloseStack, 'push'>,
): Promise<number[]> {
  const blocks = new HeldBlocks(host)
  held.push(() => blocks.release())
  const ports: (number | undefined)[] = []
  for (const wish of wishes) ports.push(wish && (await blocks.grant(wish)))
  const chosen: number[] = []
  for (const port of ports) chosen.push(port ?? (await blocks.next()))
  return chosen
}

const isChosenFrom = (port: number): boolean => port >= CHOSEN_PORTS[0] && port < CHOSEN_PORTS[1]

class HeldBlocks {
  readonly #host: string
  readonly #guards = new Map<number, Server>()
  readonly #granted = new Set<number>()
  #next = 0
  #end = 0

  constructor(host: string) {
    this.#host = host
  }

  /** The port, or undefined where somebody has it or may have it. */
  async grant(port: number): Promise<number | undefined> {
    const block = port - (port % BLOCK)
    if (port === block || this.#granted.has(port)) return undefined
    if (isChosenFrom(port) && !(await this.#hold(block))) return undefined
    if (!(await isFree(this.#host, port))) return undefined
    this.#granted.add(port)
    return port
  }

  /** A port of no block that anybody else holds. */
  async next(): Promise<number> {
    for (;;) {
      while (this.#next < this.#end) {
        const granted = await this.grant(this.#next++)
        if (granted !== undefined) return granted
      }
      await this.#anotherBlock()
    }
  }

  async #anotherBlock(): Promise<void> {
    const [first, end] = CHOSEN_PORTS
    for (let draw = 0; draw < DRAWS; draw++) {
      const block = randomInt(first / BLOCK, end / BLOCK) * BLOCK
      if (this.#guards.has(block) || !(await this.#hold(block))) continue
      this.#next = block + 1
      this.#end = block + BLOCK
      return
    }
    const host = this.#host
    throw new DevnetError('DEVNET_PORTS', `no free ports of ${host} between ${first} and ${end}`, { host })
  }

  async #hold(block: number): Promise<boolean> {
    if (this.#guards.has(block)) return true
    const guard = createServer(socket => socket.destroy())
    try {
      await listen(guard, this.#host, block)
    } catch {
      return false
    }
    // what holds ports keeps no process running
    guard.unref()
    this.#guards.set(block, guard)
    return true
  }

  async release(): Promise<void> {
    const guards = [...this.#guards.values()]
    this.#guards.clear()
    await Promise.all(guards.map(guard => once(guard.close(), 'close')))
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
}

/** As a node's `network_address` on chain has it. */
export function httpAddress({ host, port }: { host: string; port: number }): string {
  return `${host}:${port}`
}
