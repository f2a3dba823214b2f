import { Command } from 'commander'
import { version } from '../version.ts'
import { declareBlobs } from './blobs/commands.ts'
import type { Run } from './declare.ts'
import { declareFiles } from './files/commands.ts'
import { declareGateways } from './gateway/commands.ts'
import { declareNetworks } from './networks/commands.ts'
import { declareNodes } from './node/commands.ts'
import { declareQuilts } from './quilts/commands.ts'
import { declareRelays } from './relay/commands.ts'
import { declareStakes } from './stakes/commands.ts'
import { declareStorages } from './storages/commands.ts'
import { declareWallets } from './wallets/commands.ts'
import { declareWalrus } from './walrus/commands.ts'
import { declareWatches } from './watch/commands.ts'

/** Declares every command; the one that was asked for is handed to `run`. Commands are loaded when they run. */
export function createProgram(run: Run): Command {
  const program = new Command('floe')
    .description(
      'A decentralized blob store: files go to storage nodes by shards, and come back checked byte for byte.',
    )
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(floe --help tells more)')
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 unexpected, 2 usage, 3 no network, 4 not found, 5 unavailable,\n6 funds, 7 integrity, 8 refused, 9 port or folder in use, 130 interrupted',
    )
  program.commandsGroup('Networks:')
  declareNetworks(program, run)
  program.commandsGroup('Files:')
  declareFiles(program, run)
  declareQuilts(program, run)
  program.commandsGroup('Blobs of yours:')
  declareBlobs(program, run)
  declareStorages(program, run)
  declareWatches(program, run)
  program.commandsGroup('Storage nodes:')
  declareNodes(program, run)
  program.commandsGroup('HTTP:')
  declareGateways(program, run)
  program.commandsGroup('Relays:')
  declareRelays(program, run)
  program.commandsGroup('Stakes and votes:')
  declareStakes(program, run)
  program.commandsGroup('Wallets:')
  declareWallets(program, run)
  program.commandsGroup('Programs and shells:')
  declareWalrus(program, run)
  return program
}
