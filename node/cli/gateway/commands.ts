import { type Command, InvalidArgumentError, Option } from 'commander'
import { DEFAULT_GATEWAY_PORT, DEFAULT_SUB_WALLETS } from '../../gateway/options.ts'
import { actionsOf, ipAddress, jsonOption, logOption, type Run, wholeNumber } from '../declare.ts'

const DEFAULT_GATEWAY_DIR = '.floe-gateway'
const DEFAULT_UPLOAD_RELAY_DIR = '.floe-upload-relay'
/** As Walrus's own. */
const UPLOAD_RELAY_PORT = 57_391

/** In MIST: what the command line says of a tip, without its address. */
export type TipKind = { const: bigint } | { linear: { base: bigint; perEncodedKib: bigint } }

/** Commands of those who serve a network over HTTP. */
export function declareGateways(program: Command, run: Run): void {
  const running = actionsOf(run, () => import('./run.ts'))

  const gateway = program.command('gateway').description('serve a network over HTTP, as a process of its own')
  whoMayStore(
    listens(
      gateway.command('run').description('read from a network, and store where that is allowed'),
      DEFAULT_GATEWAY_PORT,
      DEFAULT_GATEWAY_DIR,
    ),
    'off',
  )
    .option(
      '--for-anybody',
      'off a localnet, with --publish on and a --host that others reach: let them spend',
    )
    .option(
      '--manage',
      'off a localnet, with --publish on: let those who store delete and extend what it owns',
    )
    .option('--quota-uploads <count>', 'a day, of each address and each subject of tokens', wholeNumber(1))
    .option('--quota-bytes <size>', 'the same, of blobs: 10GiB')
    .option('--wallet <file>', "the Sui key that pays for what is published (default: the devnet user's)")
    .option('--address <address>', 'which key, of a keystore with several')
    .option('--cache <folder>', 'keeps slivers that are read, by size and age')
    .option('--page-rpc <url...>', 'gives a page at /read, which is told these Sui RPCs: URLs without keys')
    .option('--upload-relay', 'is an upload relay as well, free or for the tip that is named')
    .addOption(tipOption().implies({ uploadRelay: true }))
    .addOption(tipAddressOption())
    .action(running('gateway'))

  listens(
    program
      .command('upload-relay')
      .description('send what apps have registered to the nodes: no wallet, free or for a tip'),
    UPLOAD_RELAY_PORT,
    DEFAULT_UPLOAD_RELAY_DIR,
  )
    .addOption(tipOption())
    .addOption(tipAddressOption())
    .action(running('uploadRelay'))
}

function listens(command: Command, port: number, dir: string): Command {
  return whoMayAsk(
    command
      .option(
        '--network <file|name>',
        "the network's file, or testnet or mainnet (default: .floe/network.json, from here upwards)",
      )
      .option('--port <port>', '0 for any free one', wholeNumber(0, 65_535), port)
      .option('--dir <folder>', 'what it must remember: tips and keys that were used', dir),
  )
    .addOption(logOption('info'))
    .addOption(jsonOption())
}

/** Options of whatever runs a gateway. */
export function whoMayAsk(command: Command): Command {
  return command
    .option('--host <ip>', 'address that it listens on', ipAddress, '127.0.0.1')
    .option(
      '--host-name <name...>',
      'names besides localhost under which it may be asked: host.docker.internal',
    )
    .option('--allow-origin <origin...>', 'web pages that may store: https://app.example', webOrigins)
}

/** The same of those that have a wallet. */
export function whoMayStore(command: Command, fallback: 'on' | 'off'): Command {
  return command
    .addOption(
      new Option('--publish <who>', 'who may store at the cost of its wallet')
        .choices(['on', 'off', 'jwt'])
        .default(fallback),
    )
    .option('--jwt-key <file>', 'for --publish jwt: a secret, a public key in PEM, or a JWK')
    .option('--jwt-algorithm <name>', "HS256, ES256, RS256, PS256, EdDSA… (default: the JWK's, or HS256)")
    .option('--jwt-expiring-sec <seconds>', 'tokens must be valid for exactly so long', wholeNumber(1))
    .option(
      '--sub-wallets <count>',
      'wallets that it fills, so that as many uploads go on at once; 0 empties them',
      wholeNumber(0, 99),
      DEFAULT_SUB_WALLETS,
    )
}

function tipOption(): Option {
  return new Option(
    '--tip <kind>',
    'in MIST, for each upload: const:105, or by the encoded size linear:BASE:PER_KIB',
  ).argParser(tipKind)
}

function tipAddressOption(): Option {
  return new Option('--tip-address <address>', 'who gets the tips')
}

function tipKind(text: string): TipKind {
  const [, amount] = /^const:(\d{1,19})$/.exec(text) ?? []
  if (amount !== undefined) return { const: BigInt(amount) }
  const [, base, perKib] = /^linear:(\d{1,19}):(\d{1,19})$/.exec(text) ?? []
  if (base !== undefined && perKib !== undefined)
    return { linear: { base: BigInt(base), perEncodedKib: BigInt(perKib) } }
  throw new InvalidArgumentError('It must be const:MIST or linear:BASE:PER_KIB.')
}

export function webOrigins(text: string, before: string[] = []): string[] {
  if (URL.canParse(text) && new URL(text).origin === text) return [...before, text]
  throw new InvalidArgumentError('It must be an origin, without a path: https://app.example')
}
