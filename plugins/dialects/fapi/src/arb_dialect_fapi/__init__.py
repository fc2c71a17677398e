"""What Binance USD-M futures and those who copied its API have in common."""
