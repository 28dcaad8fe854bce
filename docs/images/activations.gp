# gnuplot activations.gp : draws activations.png, every function of docs/activations.md with its derivative.
set terminal pngcairo size 960,1000 font "sans-serif,11"
set output "activations.png"

s(x) = 1 / (1 + exp(-x))
p(x) = log(1 + exp(x))
t(x) = tanh(p(x))
P(x) = 0.5 * erfc(-x / sqrt(2))
d(x) = exp(-x * x / 2) / sqrt(2 * pi)
u(x) = sqrt(8 / pi) * (x + 0.044715 * x ** 3)
v(x) = sqrt(8 / pi) * (1 + 0.134145 * x * x)
clamp(x, a, b) = x < a ? a : x > b ? b : x
a = 1.6732632423543773
l = 1.0507009873554805
step(x, low, high) = x < 0 ? low : high

set samples 121
set xrange [-4:4]
set yrange [-1.9:4.1]
set xtics -4, 2 format ""
set ytics -1, 1 format ""
set grid lc "#dddddd"
set tics scale 0
set zeroaxis lc "#999999"
unset key
set style line 1 lc "#0072b2" lw 2
set style line 2 lc "#d55e00" lw 1.4 dt 2

set multiplot layout 5, 4 margins 0.02, 0.98, 0.015, 0.94 spacing 0.02, 0.035 title "Activation functions (blue) and their derivatives (red, dashed), x from −4 to 4"
set title offset 0, -0.7
set title "sigmoid";         plot s(x) ls 1, s(x) * (1 - s(x)) ls 2
set title "log\\_sigmoid";   plot -p(-x) ls 1, s(-x) ls 2
set title "tanh";            plot tanh(x) ls 1, 1 - tanh(x) ** 2 ls 2
set title "relu";            plot step(x, 0, x) ls 1, step(x, 0, 1) ls 2
set title "leaky\\_relu:0.3"; plot step(x, 0.3 * x, x) ls 1, step(x, 0.3, 1) ls 2
set title "elu";             plot step(x, exp(x) - 1, x) ls 1, step(x, exp(x), 1) ls 2
set title "selu";            plot step(x, l * a * (exp(x) - 1), l * x) ls 1, step(x, l * a * exp(x), l) ls 2
set title "celu:0.5";        plot step(x, 0.5 * (exp(2 * x) - 1), x) ls 1, step(x, exp(2 * x), 1) ls 2
set title "softplus";        plot p(x) ls 1, s(x) ls 2
set title "softsign";        plot x / (1 + abs(x)) ls 1, 1 / (1 + abs(x)) ** 2 ls 2
set title "silu";            plot x * s(x) ls 1, s(x) * (1 + x * (1 - s(x))) ls 2
set title "mish";            plot x * t(x) ls 1, t(x) + x * (1 - t(x) ** 2) * s(x) ls 2
set title "hard\\_sigmoid";  plot clamp(x / 6 + 0.5, 0, 1) ls 1, abs(x) < 3 ? 1 / 6.0 : 0 ls 2
set title "hard\\_tanh";     plot clamp(x, -1, 1) ls 1, abs(x) < 1 ? 1 : 0 ls 2
set title "hard\\_swish";    plot x * clamp(x / 6 + 0.5, 0, 1) ls 1, x < -3 ? 0 : x > 3 ? 1 : x / 3 + 0.5 ls 2
set title "gelu";            plot x * P(x) ls 1, P(x) + x * d(x) ls 2
set title "gelu\\_tanh";     plot x * s(u(x)) ls 1, s(u(x)) + x * s(u(x)) * s(-u(x)) * v(x) ls 2
set title "gelu\\_sigmoid";  plot x * s(1.702 * x) ls 1, s(1.702 * x) + 1.702 * x * s(1.702 * x) * s(-1.702 * x) ls 2
unset multiplot
