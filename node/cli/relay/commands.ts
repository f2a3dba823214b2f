import { type Command, Option } from 'commander'
import { actionsOf, ipAddress, jsonOption, logOption, type Run, wholeNumber } from '../declare.ts'

/** Where `floe relay` keeps its key, settings and counts. */
const DEFAULT_RELAY_DIR = '.floe-relay'
const PORTS = { libp2p: 4001, http: 4080, stun: 3478 }
/** Peers ask at no port below. */
const LEAST_STUN_PORT = 1_024

/** Commands of those who run a relay for nodes without addresses of their own. */
export function declareRelays(program: Command, run: Run): void {
  const running = actionsOf(run, () => import('./run.ts'))
  const status = actionsOf(run, () => import('./status.ts'))
  const port = () => wholeNumber(0, 65_535)
  const stunPort = (text: string): number => (text === '0' ? 0 : wholeNumber(LEAST_STUN_PORT, 65_535)(text))
  const relay = program
    .command('relay')
    .description('run a relay, by which nodes behind routers are reached: no storage, no stake, no wallet')
    .option('--dir <folder>', 'its key, settings (relay.json) and counts', DEFAULT_RELAY_DIR)
    .option(
      '--host <ip>',
      "address that it listens on (default: all of the machine's, IPv6 as well)",
      ipAddress,
    )
    .option('--port <port>', 'of libp2p', port(), PORTS.libp2p)
    .option(
      '--ws-port <port>',
      'of WebSockets, by which web pages come (default: the one after --port, where it is free)',
      port(),
    )
    .addOption(new Option('--no-ws', 'web pages do not reach it').conflicts('wsPort'))
    .option('--no-webrtc', 'web pages do not reach it by WebRTC (at --port, by UDP)')
    .option('--tls-cert <file>', 'certificate of its host, PEM: pages that came by HTTPS reach it, too')
    .option('--tls-key <file>', 'its key')
    .option('--http-port <port>', 'of its status page, metrics and health', port(), PORTS.http)
    .option('--stun-port <port>', 'of STUN, over UDP and TCP; peers are told', stunPort, PORTS.stun)
    .option(
      '--announce <address...>',
      'multiaddrs by which others reach it (default: those that it listens on)',
    )
    .option(
      '--network <file|name>',
      'the network whose members go first, and whose addresses it tells (default: none)',
    )
    .addOption(logOption('info'))
    .addOption(jsonOption())
    .action(running('run'))

  relay
    .command('status')
    .description('how a relay is doing: exit code 0 when it has the memory that it needs')
    .option('--url <url>', 'of its status page', `http://127.0.0.1:${PORTS.http}`)
    .addOption(jsonOption())
    .action(status('status'))
}
