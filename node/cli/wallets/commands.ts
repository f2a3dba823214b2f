import { type Command, Option } from 'commander'
import { actionsOf, jsonOption, type Run, usesWallet } from '../declare.ts'

const KEY = "a file with its Sui key (default: the devnet user's)"

/** Commands that make, show and fill wallets. */
export function declareWallets(program: Command, run: Run): void {
  const wallet = program.command('wallet').description('make a wallet, or look at one')
  const wallets = actionsOf(run, () => import('./wallets.ts'))

  wallet
    .command('new')
    .description('make a key in a file that must not exist yet')
    .argument('<file>')
    .addOption(
      new Option('--format <format>', "one line suiprivkey1…, or Sui's keystore file")
        .choices(['key', 'keystore'])
        .default('key'),
    )
    .addOption(jsonOption())
    .action(wallets('newWallet'))

  usesWallet(wallet.command('address').description('print the address'), KEY).action(wallets('walletAddress'))

  usesWallet(wallet.command('balance').description('print what it holds'), KEY).action(
    wallets('walletBalance'),
  )

  usesWallet(
    program
      .command('faucet')
      .description('get SUI and WAL on a localnet')
      .argument('[address]', "who gets them (default: the wallet's address)"),
    KEY,
  ).action(wallets('faucet'))
}
