"""A supply chain of four, the beer game: a retailer, a wholesaler, a distributor and a factory order from each other.

Sterman (1989) let people play the game and explained their orders by anchoring and adjustment: a
stage expects the orders that it got, smoothed, and corrects its stock and, too little, what it has ordered and not
received:

    O(t) = max(0, L(t) + alpha_stock (target_stock - S(t) - beta_line SL(t))),
    L(t) = theta_orders O_in(t) + (1 - theta_orders) L(t - 1),

with S the inventory less the backlog, SL the supply line, O_in the orders received. The defaults are the means of his
players. Orders swing more and more up the chain. What is decided here:

- customers are random, not a step from 4 to 8: each of `n_customers` buys a case with one probability.
- orders are whole cases, as in the game: the rule plus a normal error of sd `sigma_orders`, rounded.
- an order arrives a week after it was written, a shipment `lead_time` weeks after it left; the factory's own
  production takes as long as both, so that every stage waits 1 + `lead_time` weeks at least.
- before t = 1 `demand`, rounded, was ordered and shipped each week, and 12 cases are on stock, the game's number.
"""

from fastmas.errors import ParameterError
from fastmas.language import Model, Parameter, State, floor, past

TABLE = "Sterman (1989), mean over the players"
GAME = "Sterman (1989), the game's own number"
HERE = "this project"
LONGEST = 8  # weeks
STOCK_0 = 12.0  # cases


class SupplyChain(Model):
    name = "supply-chain"
    source = ("Sterman (1989), Modeling managerial behavior: misperceptions of feedback in a dynamic decision making "
              "experiment, Management Science 35, 321-339")

    n_customers: int = 100

    theta_orders = Parameter(0.36, 0.0, 1.0, "linear", "", "weight of the last orders in what is expected", TABLE)
    alpha_stock = Parameter(0.26, 0.01, 1.0, "log", "per week", "share of the gap that is ordered in a week", TABLE)
    beta_line = Parameter(0.34, 0.0, 1.0, "linear", "", "weight of the supply line beside the stock", TABLE)
    target_stock = Parameter(17.0, 0.0, 60.0, "linear", "cases", "S', stock and weighed supply line wanted", TABLE)
    lead_time = Parameter(2, 1, LONGEST, "linear", "weeks", "of a shipment", GAME, True)
    demand = Parameter(8.0, 1.0, 50.0, "log", "cases per week", "mean of what customers buy", GAME)
    sigma_orders = Parameter(1.0, 0.1, 10.0, "log", "cases per week", "sd of an order about the rule", HERE)

    orders_retailer = State(0, "cases per week", domain="count")
    orders_wholesaler = State(0, "cases per week", domain="count")
    orders_distributor = State(0, "cases per week", domain="count")
    orders_factory = State(0, "cases per week", domain="count")
    inventory_retailer = State(STOCK_0, "cases", domain="count")
    inventory_wholesaler = State(STOCK_0, "cases", domain="count")
    inventory_distributor = State(STOCK_0, "cases", domain="count")
    inventory_factory = State(STOCK_0, "cases", domain="count")
    backlog_retailer = State(0, "cases", domain="count")
    backlog_wholesaler = State(0, "cases", domain="count")
    backlog_distributor = State(0, "cases", domain="count")
    backlog_factory = State(0, "cases", domain="count")
    sales = State(0, "cases per week", domain="count")

    expected_retailer = State(demand, shown=False, domain="real")
    expected_wholesaler = State(demand, shown=False, domain="real")
    expected_distributor = State(demand, shown=False, domain="real")
    expected_factory = State(demand, shown=False, domain="real")
    sent_wholesaler = State(0, shown=False, domain="count")
    sent_distributor = State(0, shown=False, domain="count")
    sent_factory = State(0, shown=False, domain="count")
    line_retailer = State(0, shown=False, domain="count")
    line_wholesaler = State(0, shown=False, domain="count")
    line_distributor = State(0, shown=False, domain="count")
    line_factory = State(0, shown=False, domain="count")

    def start(self):
        usual = floor(self.demand + 0.5)
        self.orders_retailer, self.orders_wholesaler = usual, usual
        self.orders_distributor, self.orders_factory = usual, usual
        self.sent_wholesaler, self.sent_distributor, self.sent_factory = usual, usual, usual
        under_way = (1 + self.lead_time) * usual
        self.line_retailer, self.line_wholesaler = under_way, under_way
        self.line_distributor, self.line_factory = under_way, under_way

    def step(self, t, draw):
        usual = floor(self.demand + 0.5)
        to_retailer, to_wholesaler, to_distributor, to_factory = usual, usual, usual, usual
        if t > self.lead_time:
            to_retailer = past(self.sent_wholesaler, self.lead_time)
            to_wholesaler = past(self.sent_distributor, self.lead_time)
            to_distributor = past(self.sent_factory, self.lead_time)
        if t > self.lead_time + 1:
            to_factory = past(self.orders_factory, self.lead_time + 1)
        from_retailer, from_wholesaler = self.orders_retailer, self.orders_wholesaler  # written a week ago
        from_distributor = self.orders_distributor
        bought = draw.count(self.n_customers, min(self.demand / self.n_customers, 1))

        self.sales = min(self.inventory_retailer + to_retailer, self.backlog_retailer + bought)
        self.inventory_retailer += to_retailer - self.sales
        self.backlog_retailer += bought - self.sales
        self.expected_retailer = self.smoothed(self.expected_retailer, bought)
        self.line_retailer -= to_retailer
        stock = self.inventory_retailer - self.backlog_retailer
        self.orders_retailer = self.order(self.expected_retailer, stock, self.line_retailer, draw)
        self.line_retailer += self.orders_retailer

        self.sent_wholesaler = min(self.inventory_wholesaler + to_wholesaler,
                                   self.backlog_wholesaler + from_retailer)
        self.inventory_wholesaler += to_wholesaler - self.sent_wholesaler
        self.backlog_wholesaler += from_retailer - self.sent_wholesaler
        self.expected_wholesaler = self.smoothed(self.expected_wholesaler, from_retailer)
        self.line_wholesaler -= to_wholesaler
        stock = self.inventory_wholesaler - self.backlog_wholesaler
        self.orders_wholesaler = self.order(self.expected_wholesaler, stock, self.line_wholesaler, draw)
        self.line_wholesaler += self.orders_wholesaler

        self.sent_distributor = min(self.inventory_distributor + to_distributor,
                                    self.backlog_distributor + from_wholesaler)
        self.inventory_distributor += to_distributor - self.sent_distributor
        self.backlog_distributor += from_wholesaler - self.sent_distributor
        self.expected_distributor = self.smoothed(self.expected_distributor, from_wholesaler)
        self.line_distributor -= to_distributor
        stock = self.inventory_distributor - self.backlog_distributor
        self.orders_distributor = self.order(self.expected_distributor, stock, self.line_distributor, draw)
        self.line_distributor += self.orders_distributor

        self.sent_factory = min(self.inventory_factory + to_factory, self.backlog_factory + from_distributor)
        self.inventory_factory += to_factory - self.sent_factory
        self.backlog_factory += from_distributor - self.sent_factory
        self.expected_factory = self.smoothed(self.expected_factory, from_distributor)
        self.line_factory -= to_factory
        stock = self.inventory_factory - self.backlog_factory
        self.orders_factory = self.order(self.expected_factory, stock, self.line_factory, draw)
        self.line_factory += self.orders_factory

    def smoothed(self, expected, asked):
        return self.theta_orders * asked + (1 - self.theta_orders) * expected

    def order(self, expected, stock, line, draw):
        wanted = expected + self.alpha_stock * (self.target_stock - stock - self.beta_line * line)
        return max(0, floor(wanted + self.sigma_orders * draw.normal() + 0.5))

    def default_free(self, regime):
        return ("theta_orders", "alpha_stock", "beta_line", "target_stock", "lead_time")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_customers < 1:
            raise ParameterError(f"n_customers={self.n_customers}: give at least 1")


MODEL = SupplyChain
